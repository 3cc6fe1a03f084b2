"""Find the packages below the repository root, which is the package ``cliploom`` itself."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
NOT_OURS = {"tests", "benchmarks", "docs", "src", "build", "dist"}
DATA = [*(f"**/*.{ending}" for ending in ("css", "html", "j2", "js", "md", "txt", "yaml")), "media/*"]


class OnlyOurs(build_py):
    """Leaves this file out of the wheel: it lies in the package's folder and is no part of it."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        found = super().find_package_modules(package, package_dir)
        return [module for module in found if module[:2] != ("cliploom", "setup")]


folders = sorted(init.parent.relative_to(ROOT) for init in ROOT.glob("[!.]*/**/__init__.py"))
inside = [".".join(("cliploom", *f.parts)) for f in folders if f.parts[0] not in NOT_OURS]
setup(
    packages=["cliploom", *inside],
    package_dir={"cliploom": "."},
    package_data={"cliploom": ["py.typed", "requirements-models.txt"], **dict.fromkeys(inside, DATA)},
    include_package_data=False,  # what lies beside a package is not part of it: the root has tests, docs and more
    cmdclass={"build_py": OnlyOurs},
)
