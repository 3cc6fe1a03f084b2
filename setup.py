"""Find the packages below the repository root, which is the package ``cliploom`` itself."""

from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent
NOT_OURS = {"tests", "benchmarks", "docs", "src", "build", "dist"}

folders = sorted(init.parent.relative_to(ROOT) for init in ROOT.glob("[!.]*/**/__init__.py"))
inside = [f for f in folders if f.parts[0] not in NOT_OURS]
setup(packages=["cliploom", *(".".join(("cliploom", *f.parts)) for f in inside)], package_dir={"cliploom": "."})
