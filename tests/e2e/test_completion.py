"""Shells complete commands, options, files and folders by the script that the command prints."""

import os
import pty
import select
import shutil
import subprocess

import pytest
from command import environment, paretune


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("completion")
    for shell in ("bash", "zsh", "fish"):
        done = paretune("completion", shell, cwd=home)
        assert done.returncode == 0, done.stderr
        (home / f"paretune.{shell}").write_text(done.stdout)
    (home / "night.yaml").write_text("")
    (home / "nights").mkdir()
    return home


def bash(home, *words):
    """Give what bash offers for the last of these words, the command's name first."""
    listed = " ".join(f"'{word}'" for word in words)
    script = f"""
        source paretune.bash
        function=$(complete -p paretune | sed -E 's/.*-F ([^ ]+).*/\\1/')
        COMP_WORDS=({listed}); COMP_CWORD={len(words) - 1}; COMP_LINE="${{COMP_WORDS[*]}}"; COMP_POINT=${{#COMP_LINE}}
        $function paretune '{words[-1]}' '{words[-2]}'
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script], cwd=home, env=environment(), capture_output=True, text=True, check=True
    )
    return {line.strip() for line in done.stdout.splitlines() if line.strip()}


def test_bash_knows_the_command(home):
    done = subprocess.run(
        ["bash", "--norc", "-c", "source paretune.bash; complete -p paretune"],
        cwd=home,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip().endswith("paretune")


def test_bash_completes_commands(home):
    assert bash(home, "paretune", "st") == {"status"}
    assert {"plan", "sweep", "doctor"} <= bash(home, "paretune", "")
    assert bash(home, "paretune", "trial", "p") == {"pin"}
    assert bash(home, "paretune", "completion", "z") == {"zsh"}


def test_bash_completes_options(home):
    assert bash(home, "paretune", "plan", "--m") == {"--measure"}
    assert {"--out", "--set", "--json"} <= bash(home, "paretune", "sweep", "--")


def test_bash_completes_files_where_a_sweep_file_is_expected(home):
    assert "night.yaml" in bash(home, "paretune", "sweep", "nig")


def test_bash_completes_folders_alone_where_a_folder_is_expected(home):
    found = bash(home, "paretune", "status", "nig")
    assert {name.rstrip("/") for name in found} == {"nights"}
    assert {name.rstrip("/") for name in bash(home, "paretune", "plan", "--like", "nig")} == {"nights"}


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
def test_zsh_completes_a_command_that_is_typed(home):
    """The script lies where zsh looks for it, and Tab is pressed on a terminal."""
    functions = home / "functions"
    functions.mkdir()
    (functions / "_paretune").write_text((home / "paretune.zsh").read_text())
    setup = f"fpath=({functions} $fpath); autoload -U compinit; compinit -u -D; PS1='> '; print ready"
    master, slave = pty.openpty()
    zsh = subprocess.Popen(
        ["zsh", "-f", "-i"], cwd=home, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    )
    os.close(slave)
    try:
        os.write(master, f"{setup}\n".encode())
        read_until(master, b"\nready")
        os.write(master, b"paretune stat\t")
        assert b"paretune status" in read_until(master, b"status")
    finally:
        zsh.kill()
        zsh.wait()
        os.close(master)


def read_until(terminal, word):
    """Read what a terminal shows until a word stands there; fails after half a minute of silence."""
    shown = b""
    while word not in shown:
        ready, _, _ = select.select([terminal], [], [], 30)
        assert ready, shown
        shown += os.read(terminal, 4096)
    return shown


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
def test_fish_completes_commands_and_files(home):
    def fish(line):
        script = f"source paretune.fish; complete -C '{line}'"
        done = subprocess.run(
            ["fish", "--no-config", "-c", script], cwd=home, capture_output=True, text=True, check=True
        )
        return {entry.split("\t")[0] for entry in done.stdout.splitlines()}

    assert fish("paretune sta") == {"status"}
    assert "--measure" in fish("paretune plan --m")
    assert "night.yaml" in fish("paretune sweep nig")


def test_another_shell_is_refused_by_name(home):
    done = paretune("completion", "tcsh", cwd=home)
    assert done.returncode == 2
    assert "tcsh" in done.stderr and "fish" in done.stderr
