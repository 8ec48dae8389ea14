import pytest

from search.errors import SpecError
from search.secrets import holds_secret, masked
from search.spec_file import load_spec

FILE = """\
data: {sources: [{source: shapes}]}
objectives: [grounding.miou, text.token_f1]
space: {adapter: {rank: {choice: [4, 8]}}}
"""


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:hunter2@host/name",
        "postgresql+psycopg://user:hun/ter2@host/name",
        "postgresql://user:h@nter2@host/name",
        "postgresql://:hunter2@host/name",
        "postgresql://host/name?user=u&password=hunter2",
        "s3://key:hunter2@bucket/prefix",
        "s3://bucket/prefix?scheme=http&secret_key=hunter2",
        "s3://bucket/prefix?session_token=hunter2",
    ],
)
def test_a_url_with_a_password_is_known_and_masked(url):
    assert holds_secret(url)
    text = masked(f"can't open '{url}': no such host")
    assert "***" in text
    assert "ter2" not in text
    assert text.endswith("': no such host") or "@host" in text


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://user@host:5432/name",
        "sqlite:////a/b.db",
        "s3://bucket/prefix?scheme=http&endpoint_override=localhost:5000",
    ],
)
def test_a_url_without_one_is_left_alone(url):
    assert not holds_secret(url)
    assert masked(url) == url


@pytest.mark.parametrize(
    ("key", "url", "advice"),
    [
        ("storage", "postgresql://user:hunter2@host/name", "PGPASSWORD or in ~/.pgpass"),
        ("checkpoints", "s3://key:hunter2@bucket/prefix", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ],
)
@pytest.mark.parametrize("is_override", [False, True])
def test_a_sweep_file_with_a_password_is_refused_and_the_password_not_shown(tmp_path, key, url, advice, is_override):
    path = tmp_path / "sweep.yaml"
    path.write_text(FILE if is_override else f"{FILE}search: {{{key}: '{url}'}}\n")
    with pytest.raises(SpecError) as caught:
        load_spec(path, overrides=[f"search.{key}={url}"] if is_override else [])
    assert advice in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value)
