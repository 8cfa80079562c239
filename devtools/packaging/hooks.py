"""Turn .pre-commit-config.yaml into one whose programs are those of the lock files.

usage: hooks.py CONFIG FOLDER…   prints it; programs are looked for in the folders

pre-commit fetches each hook's repository and installs what it needs, from the network
and in what versions there are. Here all is installed already, with checked hashes.
"""

import shlex
import shutil
import sys

import yaml

TEXT = {"types": ["text"]}
PYTHON = {"types_or": ["python", "pyi"]}
WHOLE = {"always_run": True, "pass_filenames": False}

#: What the hooks' repositories declare: ``{id: (program, options)}``
DECLARED = {
    "whool-init": ("whool init --exit-non-zero-on-changes", WHOLE),
    "oca-gen-addon-readme": ("readme.py", WHOLE),
    "oca-checks-po": ("oca-checks-po", {**TEXT, "files": r"\.(po|pot)$"}),
    "oca-checks-odoo-module": ("oca_checks.py", WHOLE),
    "prettier": ("prettier", {}),
    "eslint": ("eslint", {}),
    "trailing-whitespace": ("trailing-whitespace-fixer", TEXT),
    "end-of-file-fixer": ("end-of-file-fixer", TEXT),
    "debug-statements": ("debug-statement-hook", {"types": ["python"]}),
    "check-case-conflict": ("check-case-conflict", {}),
    "check-docstring-first": ("check-docstring-first", {"types": ["python"]}),
    "check-executables-have-shebangs": (
        "check-executables-have-shebangs",
        {"types": ["text", "executable"]},
    ),
    "check-merge-conflict": ("check-merge-conflict", TEXT),
    "check-symlinks": ("check-symlinks", {"types": ["symlink"]}),
    "check-xml": ("check-xml", {"types": ["xml"]}),
    "mixed-line-ending": ("mixed-line-ending", TEXT),
    "ruff": ("ruff check --force-exclude", {**PYTHON, "require_serial": True}),
    "ruff-format": ("ruff format --force-exclude", {**PYTHON, "require_serial": True}),
    "pylint_odoo": ("pylint", {"types": ["python"], "require_serial": True}),
}


def local(hook: dict, path: str) -> dict:
    """Return the hook with its program on ``path``; one that only fails as it is."""
    if hook.get("language") == "fail":
        return hook
    if hook["id"] not in DECLARED:
        raise SystemExit(f"{hook['id']}: name its program in {__file__}.")
    command, options = DECLARED[hook["id"]]
    name, *arguments = command.split()
    program = shutil.which(name, path=path)
    if program is None:
        raise SystemExit(f"{hook['id']}: there is no {name} in {path}.")
    hook = {key: hook[key] for key in hook if key != "additional_dependencies"}
    return {
        "name": hook["id"],
        **options,
        **hook,
        "language": "system",
        "entry": shlex.join([program, *arguments]),
    }


def main(config: str, *folders: str) -> None:
    with open(config, encoding="utf-8") as file:
        made = yaml.safe_load(file)
    made.pop("default_language_version", None)
    hooks = [
        local(hook, ":".join(folders))
        for repository in made["repos"]
        for hook in repository["hooks"]
    ]
    made["repos"] = [{"repo": "local", "hooks": hooks}]
    yaml.safe_dump(made, sys.stdout, sort_keys=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
