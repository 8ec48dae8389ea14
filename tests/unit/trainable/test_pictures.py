import base64
import io
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from PIL import Image

from trainable.data.sources import pictures
from trainable.data.sources.pictures import PictureFinder
from trainable.errors import DataError, MissingImageError


def png(size=(20, 10), colour="red"):
    content = io.BytesIO()
    Image.new("RGB", size, colour).save(content, "PNG")
    return content.getvalue()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with an image and one outside it; and a cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "data" / "sub").mkdir(parents=True)
    for name in ("data/a.png", "data/sub/b.png", "outside.png"):
        (tmp_path / name).write_bytes(png())
    return tmp_path / "data"


def encoded(data):
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    "name", ["a.png", "./a.png", "sub/../a.png", "file://a.png", "sub\\..\\a.png", {"path": "a.png", "bytes": None}]
)
def test_a_path_is_found_below_the_folder_and_named_by_it(folder, name):
    found = PictureFinder(folder).find(name)
    assert (found.path, found.label, found.size) == (folder / "a.png", "a.png", (20, 10))


def test_an_absolute_path_is_found_if_it_lies_in_the_folder(folder):
    for name in (str(folder / "a.png"), f"file://{folder}/a.png"):
        assert PictureFinder(folder).find(name).label == "a.png"


def test_a_folder_may_be_a_link_and_hold_links(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    (folder / "c.png").symlink_to(tmp_path / "outside.png")
    found = PictureFinder(tmp_path / "link").find("c.png")
    assert (found.key, found.label) == (str(tmp_path / "outside.png"), "c.png")


@pytest.mark.parametrize("value", [png(), {"bytes": png()}, {"bytes": png(), "path": "nope.png"}])
def test_bytes_are_an_image_that_their_hash_names(folder, value):
    finder = PictureFinder(folder)
    assert finder.find(value).key == finder.find(f"data:image/png;base64,{encoded(png())}").key
    assert finder.find(value).load().size == (20, 10)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "must be a path, a data URI or bytes; got None"),
        ("", "must be a path"),
        (3, "must be a path"),
        (float("nan"), "must be a path"),
        ([], "must be a path"),
        (["a.png"], "must be a path"),
        ({}, "must be a path"),
        ({"path": None, "bytes": None}, "must be a path"),
        ({"bytes": "abc", "path": 3}, "must be a path"),
        ({"bytes": [137, 80, 78]}, "must be a path"),
        (b"", "the image in the row is no readable image: the file is empty$"),
        (b"no image", "the image in the row is no readable image"),
        ("data:image/png;base64,", "no readable image"),
        ("data:image/png;base64,====", "base64 can't be decoded"),
        ("data:image/png;base64,é", "base64 can't be decoded"),
        ("data:image/png;base64," + "A" * 5000, "no readable image"),
        ("A" * 5000, "an image of 5000 characters is no path; base64 needs data:image/…;base64, before it"),
        ("../outside.png", "lies outside .*; set image_folder"),
        ("/etc/hosts", "lies outside"),
        ("file:///etc/hosts", "lies outside"),
        ("..\\outside.png", "lies outside"),
        ("C:\\data\\a.png", "lies on a drive of Windows"),
        ("c\\nope.png", "does not exist"),
        ("a\0.png", "is no path"),
        ("\ud800.png", "is no path"),
        ("x" * 300, "is no path"),
        ("sub", "does not exist"),
        (".", "does not exist"),
        ("circle.png", "is no path|does not exist"),
        ("A.PNG", "does not exist in .*; did you mean 'a.png'?"),
        ("a.pmg", "did you mean 'a.png'?"),
        ("no/such/folder.png", "does not exist"),
        ("http://127.0.0.1/a.png", "is a URL; download it and give its path, or set image_urls: true"),
        ("s3://bucket/a.png", "is a URL"),
        ("thin.png", "has 1x300 pixels; at most 200 to 1 is possible"),
    ],
)
def test_what_is_no_image_is_refused_with_a_short_reason(folder, value, reason):
    (folder / "circle.png").symlink_to("circle.png")
    (folder / "thin.png").write_bytes(png((1, 300)))
    with pytest.raises(DataError, match=reason) as caught:
        PictureFinder(folder).find(value)
    str(caught.value).encode()
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("there", "name", "meant"),
    [
        ("shop-3-90.jpg", "shop-3-0.jpg", None),
        ("shop-3-0.jpg", "shop-3-00.jpg", None),
        ("shop-30.jpg", "shop-3-0.jpg", None),
        ("left.jpg", "lift.jpg", None),
        ("Shop-3-0.JPG", "shop-3-0.jpg", "Shop-3-0.JPG"),
        ("shop_3 0.png", "shop-3-0.jpg", "shop_3 0.png"),
        ("cafe\u0301.jpg", "caf\u00e9.jpg", "cafe\\u0301.jpg"),
        ("shop.jpg", "shop", "shop.jpg"),
        ("train/shop-3-0.jpg", "shop-3-0.jpg", "train/shop-3-0.jpg"),
        ("shop-3-0.jpg", "data/photos/shop-3-0.jpg", "shop-3-0.jpg"),
        ("train/shop-3-0.jpg", "photos/train/shop-3-0.jpg", "train/shop-3-0.jpg"),
        ("train/shop-3-90.jpg", "photos/shop-3-0.jpg", None),
    ],
)
def test_a_file_is_suggested_only_if_it_can_be_the_same_photo(tmp_path, there, name, meant):
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).write_bytes(png())
    with pytest.raises(MissingImageError) as caught:
        PictureFinder(tmp_path).find(name)
    _, _, hint = str(caught.value).partition("; did you mean ")
    assert hint == (f"'{meant}'?" if meant else "")


def test_of_several_files_of_a_name_none_is_suggested(folder):
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "x.png").write_bytes(png())
    with pytest.raises(MissingImageError, match=r"'x\.png' does not exist in [^;]*$"):
        PictureFinder(folder).find("x.png")
    (folder / "two" / "x.png").rename(folder / "two" / "x.jpg")
    with pytest.raises(MissingImageError, match=r"did you mean 'one/x\.png'\?"):
        PictureFinder(folder).find("X.png")


def test_a_folder_of_images_that_does_not_exist_is_said(folder):
    with pytest.raises(MissingImageError, match=r"does not exist in .*/nowhere, which does not exist itself"):
        PictureFinder(folder / "nowhere").find("a.png")


def test_a_missing_image_carries_its_path(folder):
    with pytest.raises(MissingImageError) as caught:
        PictureFinder(folder).find("nope.png")
    assert caught.value.path == str(folder / "nope.png")


def test_a_name_that_is_not_utf8_is_refused(folder):
    (folder / "\udcff.png").write_bytes(png())
    with pytest.raises(DataError, match="has a name that is not UTF-8; rename it"):
        PictureFinder(folder).find("\udcff.png")


def test_images_of_rows_beyond_the_memory_allowed_are_kept_as_files(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "_IN_MEMORY_BYTES", len(png()))
    finder = PictureFinder(folder)
    first, second = finder.find(png()), finder.find(png(colour="blue"))
    assert first.key.startswith("sha256:")
    assert second.path.is_relative_to(tmp_path / "cache" / "paretune" / "images")
    assert second.label == pictures.BytesImage.of(png(colour="blue")).label
    assert second.load().getpixel((0, 0)) == (0, 0, 255)


def test_a_cache_that_can_not_be_written_is_one_error(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "_IN_MEMORY_BYTES", 0)
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(DataError, match=r"can't keep images: .*; set XDG_CACHE_HOME to another place"):
        PictureFinder(folder).find(png())


@contextmanager
def serving(answers):
    """Serve pages on this machine and list what was asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            status, body, headers = answers[self.path]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def cached(tmp_path):
    return [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_an_image_is_fetched_once_where_urls_are_allowed(folder, tmp_path):
    with serving({"/a.png": (200, png(), {})}) as (address, asked):
        for _ in range(2):
            found = PictureFinder(folder, fetches_urls=True).find(f"{address}/a.png")
            assert (found.size, found.label) == ((20, 10), f"{address}/a.png")
            assert found.load().size == (20, 10)
        with pytest.raises(DataError, match="is a URL"):
            PictureFinder(folder).find(f"{address}/a.png")
    assert asked == ["/a.png"]
    assert len(cached(tmp_path)) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((404, b"", {}), "can't be fetched: HTTP Error 404"),
        ((500, b"", {}), "can't be fetched: HTTP Error 500"),
        ((200, b"<html>No such image</html>", {}), "is no readable image: it is an HTML page"),
        ((200, b"", {}), "the file is empty"),
        ((200, b"abc", {"Content-Length": "9000"}), "can't be fetched|no readable image"),
        ((200, png((1, 300)), {}), "at most 200 to 1 is possible"),
        ((302, b"", {"Location": "file:///etc/hosts"}), "can't be fetched"),
        ((302, b"", {"Location": "/a.png"}), "can't be fetched"),
        ((99, b"", {}), "can't be fetched"),
    ],
)
def test_what_can_not_be_fetched_is_refused_and_not_kept(folder, tmp_path, answer, reason):
    with serving({"/a.png": answer}) as (address, asked):
        for _ in range(2):
            with pytest.raises(DataError, match=reason):
                PictureFinder(folder, fetches_urls=True).find(f"{address}/a.png")
    assert len(asked) >= 2
    assert cached(tmp_path) == []


def test_an_image_that_is_too_large_is_refused(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "_MOST_BYTES", 10)
    with (
        serving({"/a.png": (200, png(), {})}) as (address, _),
        pytest.raises(DataError, match="is larger than 10 bytes"),
    ):
        PictureFinder(folder, fetches_urls=True).find(f"{address}/a.png")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/a.png",
        "http://127.0.0.1:port/a.png",
        "http://127.0.0.1:99999/a.png",
        "http://[/a.png",
        "http:///a.png",
        "http://",
        "http://a b/c d",
        "http://127.0.0.1/\n",
        "http://127.0.0.1/\ud800",
        "http://" + "x" * 3000 + "/",
        "http://" + "a." * 200,
        "http://\xe9\u2603.invalid/",
        "ftp://127.0.0.1/a.png",
        "gopher://127.0.0.1/a.png",
    ],
)
def test_a_url_that_leads_nowhere_is_refused(folder, url):
    with pytest.raises(DataError, match="can't be fetched") as caught:
        PictureFinder(folder, fetches_urls=True).find(url)
    str(caught.value).encode()


def test_a_stem_leads_to_its_image_by_the_usual_endings_first(folder):
    for name in ("c.gif", "c.PNG", "c.JPG", "d.tiff", "e.txt"):
        (folder / "sub" / name).write_bytes(png())
    finder = PictureFinder(folder)
    assert finder.find_stem(Path("sub/c")).label == "sub/c.JPG"
    assert finder.find_stem(Path("sub/d")).label == "sub/d.tiff"
    with pytest.raises(MissingImageError, match=r"there is no image sub/e\.jpg, \.png, …"):
        finder.find_stem(Path("sub/e"))
    with pytest.raises(MissingImageError):
        finder.find_stem(Path("nope/e"))
