"""Lists of sources and of camera resolutions."""

from __future__ import annotations

import threading
from contextlib import suppress

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QWidget

from livefan.gui.action_context import Action
from livefan.gui.actions.sources import OpenFile, OpenFolder, OpenStream, Watch
from livefan.gui.drop_down import DropDown
from livefan.gui.player import Player
from livefan.gui.preferences import Preferences
from livefan.gui.start_page import source_name
from livefan.io.camera_list import CameraFormat, CameraInfo, list_camera_formats, list_cameras

_OPEN_FILE, _OPEN_FOLDER, _OPEN_STREAM = "file", "folder", "stream"
_DIALOGS: dict[object, Action] = {
    _OPEN_FILE: OpenFile(),
    _OPEN_FOLDER: OpenFolder(),
    _OPEN_STREAM: OpenStream(),
}
SIZES = ((640, 480), (1280, 720), (1920, 1080), (3840, 2160))
"""Widths and heights to request from a camera whose formats are unknown; it uses the nearest."""


class SourcePicker(QWidget):
    """Chooses the source, and the resolution of a camera."""

    chosen = pyqtSignal(object)
    """Emitted with the :class:`~livefan.gui.action_context.Action` of the chosen entry."""
    _found = pyqtSignal(list)

    def __init__(self, player: Player, preferences: Preferences) -> None:
        super().__init__()
        self._player = player
        self._preferences = preferences
        self._source, size = player.config.source, player.config.size
        self._recent: list[str] = preferences.recent_sources
        self._cameras: list[CameraInfo] | None = None
        self._found.connect(self._show_cameras)
        self.sources = DropDown()
        self.sources.setMinimumWidth(200)
        self.sources.setToolTip(self.tr("Source"))
        self.sources.setAccessibleName(self.tr("source"))
        self.sources.setPlaceholderText(self.tr("Camera or file"))
        self.sources.activated.connect(self._activated)
        self.sources.opened.connect(self.refresh)
        self.sizes = DropDown()
        self.sizes.setToolTip(
            self.tr("Resolution to request from the camera; the camera uses the nearest that it supports")
        )
        self.sizes.setAccessibleName(self.tr("resolution"))
        self._list_sizes(size)
        self.sizes.activated.connect(self._size_chosen)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.sources)
        row.addWidget(self.sizes)
        self._show_source()
        player.changed.connect(self._show_source)

    def _show_source(self) -> None:
        source, recent = self._player.config.source, self._preferences.recent_sources
        if source == self._source and recent == self._recent and self.sources.count():
            return
        self._source, self._recent = source, recent
        self._list()
        self._list_sizes(self.sizes.currentData())
        if self._cameras is None:
            self.refresh()

    def refresh(self) -> None:
        """Update the list of cameras in a thread; some systems take a second."""
        threading.Thread(target=self._find_cameras, name="livefan-cameras", daemon=True).start()

    def _find_cameras(self) -> None:
        cameras, known = list_cameras(), self._cameras or []
        with suppress(RuntimeError):  # the window is closed
            if [(each.index, each.name) for each in cameras] != [(each.index, each.name) for each in known]:
                self._found.emit(cameras)
                self._found.emit(list_camera_formats(cameras))
            elif self._cameras is None:
                self._found.emit(cameras)

    def _show_cameras(self, cameras: list[CameraInfo]) -> None:
        if cameras != self._cameras:
            self._cameras = cameras
            self._list()
            self._list_sizes(self.sizes.currentData())

    def _list(self) -> None:
        """Show the cameras, the recent sources, and the entries that open others."""
        self.sources.clear()
        cameras = self._cameras or []
        for camera in cameras:
            self.sources.addItem(camera.name, camera.index)
        if not cameras:
            searching = self._cameras is None
            self.sources.addItem(
                self.tr("searching for cameras …") if searching else self.tr("no camera found")
            )
            self._disable_last()
        known = {camera.index for camera in cameras}
        others: list[str | int] = list(self._recent)
        if self._source is not None and self._source not in (*known, *others):
            others.insert(0, self._source)
        if others:
            self.sources.insertSeparator(self.sources.count())
        for source in others:
            self.sources.addItem(self._name(source), source)
        self.sources.insertSeparator(self.sources.count())
        self.sources.addItem(self.tr("Open file …"), _OPEN_FILE)
        self.sources.addItem(self.tr("Open folder of images …"), _OPEN_FOLDER)
        self.sources.addItem(self.tr("Open stream …"), _OPEN_STREAM)
        self._select()

    def _list_sizes(self, chosen: tuple[int, int] | None) -> None:
        """Show the resolutions of the chosen camera, with their frame rates; common ones if unknown."""
        camera = next((each for each in self._cameras or [] if each.index == self._source), None)
        formats = camera.formats if camera is not None else ()
        entries = {(each.width, each.height): _format_text(each) for each in formats}
        entries = entries or {size: _size_text(size) for size in SIZES}
        if chosen is not None:
            entries.setdefault(chosen, _size_text(chosen))
        self.sizes.clear()
        self.sizes.addItem(self.tr("default size"), None)
        for size, text in entries.items():
            self.sizes.addItem(text, size)
            if size == chosen:
                self.sizes.setCurrentIndex(self.sizes.count() - 1)

    def _activated(self, index: int) -> None:
        entry = self.sources.itemData(index)
        self._select()
        if entry in _DIALOGS:
            self.chosen.emit(_DIALOGS[entry])
        elif entry is not None:
            self._watch(entry)

    def _size_chosen(self) -> None:
        if isinstance(self._source, int):
            self._watch(self._source)

    def _watch(self, source: str | int) -> None:
        size = self.sizes.currentData() if isinstance(source, int) else None
        self.chosen.emit(Watch(source, size))

    def _select(self) -> None:
        index = -1 if self._source is None else self.sources.findData(self._source)
        self.sources.setCurrentIndex(index)
        self.sizes.setEnabled(isinstance(self._source, int))

    def _disable_last(self) -> None:
        model = self.sources.model()
        item = model.item(self.sources.count() - 1) if model is not None and hasattr(model, "item") else None
        if item is not None:
            item.setEnabled(False)

    def _name(self, source: str | int) -> str:
        if isinstance(source, int):
            return self.tr("Camera {}").format(source)
        return source_name(source)


def _size_text(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _format_text(offered: CameraFormat) -> str:
    return f"{_size_text((offered.width, offered.height))}, {offered.fps:.0f} fps"
