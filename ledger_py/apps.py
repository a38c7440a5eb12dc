"""Find the apps of an installation: where the service and the migrations of each one are.

An app is found in one of three places; a later one wins over an earlier one of the same name:

1. a folder ``apps/NAME`` of the checkout: ``main.py``, whose ``app`` is the service, and
   ``migrations/``;
2. an installed package with an entry point of group ``ledger_py.apps``, such as
   ``quiz = "quiz.main:app"``; its migrations are in the folder ``migrations`` of the package;
3. a folder ``NAME``, with the same content as in 1, of the folder that ``LEDGER_APP_DIR`` or
   ``--app-dir`` names.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec

from ledger_py.settings import PROJECT_ROOT, Settings

__all__ = ("ENTRY_POINTS", "App", "AppError", "app_of_target", "find_apps")

ENTRY_POINTS: Final = "ledger_py.apps"
"""The group of the entry points of apps."""


class AppError(Exception):
    """An app that cannot be found; the message says where it was looked for."""


class App(msgspec.Struct, frozen=True):
    """An app as it is installed here."""

    name: str
    target: str
    """The service, in the notation of uvicorn: ``package.module:attribute``."""
    migrations: Path
    """The folder of the app's migrations, which need not exist."""


def find_apps() -> dict[str, App]:
    """Find all apps.

    Returns:
        The apps by name.

    Raises:
        AppError: ``LEDGER_APP_DIR`` names no folder, or the package of an entry point is missing.
        SettingsError: A setting cannot be used.
    """
    app_dir = Settings.from_environment().app_dir
    if app_dir is not None and not app_dir.is_dir():
        raise AppError(f"LEDGER_APP_DIR: there is no folder {app_dir}")
    found = {app.name: app for app in _in_folder(PROJECT_ROOT / "apps", prefix="apps.")}
    for point in entry_points(group=ENTRY_POINTS):
        found[point.name] = App(point.name, point.value, _migrations_of(point))
    if app_dir is not None:
        found |= {app.name: app for app in _in_folder(app_dir)}
        if str(app_dir) not in sys.path:
            sys.path.insert(0, str(app_dir))
    return found


def app_of_target(target: str) -> App:
    """Import a service to find out which app it serves.

    Args:
        target: ``package.module:attribute``; modules of the working directory are found.

    Returns:
        The app, with the migrations beside the module.

    Raises:
        AppError: There is no such service.
    """
    module, _, attribute = target.partition(":")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        imported = import_module(module)
        name = getattr(imported, attribute).app_name
    except (ImportError, SyntaxError, AttributeError, ValueError) as error:
        raise AppError(f"{target} is not the service of an app: {error}") from error
    return App(name, target, Path(str(imported.__file__)).parent / "migrations")


def _in_folder(folder: Path, *, prefix: str = "") -> Iterator[App]:
    for main in sorted(folder.glob("*/main.py")):
        name = main.parent.name
        yield App(name, f"{prefix}{name}.main:app", main.parent / "migrations")


def _migrations_of(point: EntryPoint) -> Path:
    package = point.module.rpartition(".")[0] or point.module
    try:
        spec = find_spec(package)
    except ImportError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise AppError(
            f"The entry point {point.name} = {point.value} ({ENTRY_POINTS}) names no package:"
            " reinstall or uninstall what declares it"
        )
    return Path(spec.submodule_search_locations[0]) / "migrations"
