"""Where an iterator over a creator's pages stands: what to ask for next, what of a page is new, when to end."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from hongshu.client.notes import Note, Page
from hongshu.errors import NotV4Error
from hongshu.life.walking import MOST_PAGES
from hongshu.models import Asked

Since = datetime | date | None
"""From when on notes are wanted: an aware time, or a day in UTC."""


class Way:
    """The way down one creator's timeline, from the page after `cursor` to the end, or to notes older than `since`."""

    def __init__(self, creator: str, cursor: str | None, since: Since) -> None:
        self.asked = Asked(creator=creator, cursor=cursor)
        self.ended = False
        self._since = _moment(since)
        self._pages = 0
        self._cursors = {cursor}
        self._seen: set[str] = set()

    def took(self, page: Page) -> None:
        """Go on below a page; raises `NotV4Error` where the pages lead in a circle or do not end."""
        self._pages += 1
        if page.cursor is None or self._is_past(page):
            self.ended = True
            return
        if page.cursor in self._cursors or self._pages >= MOST_PAGES:
            raise NotV4Error(f"The pages of {self.asked.creator} do not end; the server repeats itself.")
        self._cursors.add(page.cursor)
        self.asked = Asked(creator=self.asked.creator, cursor=page.cursor)

    def fresh(self, page: Page) -> tuple[Note, ...]:
        """Return the wanted notes of a page that no page before it held, in their order."""
        wanted = [note for note in page.notes if self._since is None or note.published >= self._since]
        fresh = tuple(note for note in wanted if note.id not in self._seen)
        self._seen.update(note.id for note in fresh)
        return fresh

    def _is_past(self, page: Page) -> bool:
        """Say whether all that follows a page is older than wanted; pinned notes say nothing of that."""
        if self._since is None:
            return False
        ordered = [note.published for note in page.notes if not note.pinned]
        return bool(ordered) and max(ordered) < self._since


def _moment(since: Since) -> datetime | None:
    if since is None:
        return None
    if not isinstance(since, datetime):
        return datetime.combine(since, time(), UTC)
    return since if since.tzinfo is not None else since.replace(tzinfo=UTC)
