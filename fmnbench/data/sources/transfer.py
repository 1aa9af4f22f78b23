"""Bytes from a web server into a part that a later try can go on with."""

import contextlib
import dataclasses
import http
import os
import urllib.parse
from collections.abc import Callable
from typing import Any

import requests
import urllib3

from fmnbench.data.sources.content import HEAD, page
from fmnbench.data.sources.pace import Pace
from fmnbench.data.sources.part import Origin, Part
from fmnbench.data.sources.remote import Remote, check_url
from fmnbench.data.sources.watch import Watch
from fmnbench.errors import DataError

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all where known

LARGEST = 8 << 30  # bytes; beyond any archive of the suites
_CHUNK = 1 << 18  # bytes asked for at a time
_NO_SUCH_REST = (http.HTTPStatus.PARTIAL_CONTENT, http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Transfer:
    """One try at bringing a file here.

    `trusted` says that the content will be checked by its SHA-256. `timeout` is the seconds
    without a byte after which a server has stalled, `pace` the least that it must send.
    """

    remote: Remote
    part: Part
    trusted: bool
    timeout: float
    pace: Pace
    progress: Progress | None = None

    def run(self) -> None:
        """Brings the rest of the file into the part, or all of it where the server's changed.

        What has arrived stays in the part when the transfer breaks off or is interrupted.

        Raises:
            DataError: the server cannot be reached, refuses, is too slow, sends a web page
                instead of data, too much or too little.
        """
        check_url(self.remote.url, trusted=self.trusted)
        origin = self.part.origin(self.remote.url)
        if origin is not None and origin.total == self.part.size:
            return  # an earlier try was cut off after the last byte
        with contextlib.ExitStack() as stack:
            watch = stack.enter_context(Watch(self.pace))
            session = stack.enter_context(watch.session())
            # The bytes on the wire are those of the file: offsets and hashes are of them.
            session.headers["Accept-Encoding"] = "identity"

            def meet(response: requests.Response, *_: object, **__: object) -> None:
                stack.callback(response.close)
                self._check_redirect(response)

            session.hooks["response"].append(meet)
            try:
                response, origin = self._answer(session, origin)
            except DataError as error:
                if watch.fault is None:
                    raise
                raise DataError(f"the download of {self.remote.url} {watch.fault}") from error
            self._receive(response, origin, watch)

    def _answer(
        self, session: requests.Session, origin: Origin | None
    ) -> tuple[requests.Response, Origin]:
        """Returns the answer that has the rest of `origin`, or all of what is there now."""
        response = self._get(session, self._range(origin))
        if origin is not None and _is_rest(response, origin, self.part.size):
            return response, origin
        if response.status_code in _NO_SUCH_REST:
            response = self._get(session, {})
        return response, self._begin(response)

    def _check_redirect(self, response: requests.Response) -> None:
        if response.is_redirect:
            location = response.headers["Location"]
            try:
                url = urllib.parse.urljoin(response.url, location)
                check_url(url, trusted=self.trusted)
            except ValueError:  # brackets without an address in them, a port that is no number
                raise DataError(
                    f"{self.remote.url} redirects to {location!r}, which is no address"
                ) from None

    def _range(self, origin: Origin | None) -> dict[str, str]:
        """Returns the headers that ask for the rest of a file where that is safe."""
        if origin is None or (origin.validator is None and not self.trusted):
            return {}
        rest = {"Range": f"bytes={self.part.size}-"}
        return rest if origin.validator is None else {**rest, "If-Range": origin.validator}

    def _get(self, session: requests.Session, headers: dict[str, str]) -> requests.Response:
        """Returns the answer to a request, past the page that Drive puts before a large file."""
        remote = self.remote
        try:
            response = session.get(remote.url, headers=headers, stream=True, timeout=self.timeout)
            if remote.kind == "drive" and response.ok and _is_page(response):
                link = self._link(response)
                check_url(link, trusted=self.trusted)
                response = session.get(link, headers=headers, stream=True, timeout=self.timeout)
        except requests.Timeout as error:
            raise DataError(f"{remote.url} did not answer within {self.timeout:g} s") from error
        except requests.RequestException as error:
            raise DataError(f"{remote.url} cannot be reached: {_reason(error)}") from error
        return response

    def _link(self, response: requests.Response) -> str:
        """Returns the address of the file behind Drive's page."""
        # gdown's own download would continue a file that changed between two tries.
        from gdown.download import get_url_from_gdrive_confirmation
        from gdown.exceptions import FileURLRetrievalError

        head = next(response.iter_content(HEAD), b"")
        try:
            return get_url_from_gdrive_confirmation(head.decode(errors="replace"))
        except (FileURLRetrievalError, KeyError, AssertionError) as error:
            raise self._no_file(head) from error

    def _no_file(self, head: bytes) -> DataError:
        url, advice = self.remote.url, self.remote.advice
        return DataError(f"{url} gave {page(head)} instead of the file{advice}")

    def _begin(self, response: requests.Response) -> Origin:
        """Empties the part for an answer that has the whole file.

        Raises:
            DataError: another status than 200, a web page, or a size that cannot be right.
        """
        remote, length = self.remote, _length(response)
        if response.status_code != http.HTTPStatus.OK:
            raise DataError(f"{remote.url} answered {_status(response)}{remote.advice}")
        if _is_page(response):
            raise self._no_file(_head(response))
        if remote.size is not None and length not in (None, remote.size):
            raise DataError(f"{remote.url} has {length} bytes; expected are {remote.size}")
        if length is not None and length > LARGEST:
            raise DataError(f"{remote.url} has {length} bytes; at most {LARGEST} are taken")
        total = remote.size if length is None else length
        origin = Origin(url=remote.url, validator=_validator(response), total=total)
        self.part.begin(origin)
        return origin

    def _receive(self, response: requests.Response, origin: Origin, watch: Watch) -> None:
        """Appends an answer's body to the part and checks that it is all there."""
        total = _length(response) if origin.total is None else origin.total
        ceiling = LARGEST if total is None else total
        raw: Any = response.raw  # `iter_content` loses up to a chunk where a transfer breaks off
        received, fault = self.part.size, None
        try:
            with self.part.path.open("ab") as file:
                while received <= ceiling and (chunk := raw.read1(_CHUNK, decode_content=False)):
                    file.write(chunk)
                    received += len(chunk)
                    watch.count(len(chunk))
                    if self.progress is not None:
                        self.progress(received, total)
                file.flush()
                os.fsync(file.fileno())
        except urllib3.exceptions.ReadTimeoutError:
            fault = f"stalled for {self.timeout:g} s"
        except urllib3.exceptions.HTTPError:
            fault = "broke off"
        if received > ceiling:
            self.part.discard()
            raise DataError(f"{self.remote.url} sent more than {ceiling} bytes")
        fault = watch.fault or fault
        if fault is not None or received < (total or 0):
            kept = origin.validator is not None or self.trusted
            advice = "; the next try goes on from there" if kept else ""
            raise DataError(
                f"the download of {self.remote.url} {fault or 'ended early'}: {received} of "
                f"{'an unknown number of' if total is None else total} bytes came{advice}"
            )


def _is_page(response: requests.Response) -> bool:
    kind = response.headers.get("Content-Type", "").lower()
    return kind.startswith(("text/html", "application/xhtml"))


def _head(response: requests.Response) -> bytes:
    try:
        return next(response.iter_content(HEAD), b"")
    except requests.RequestException:
        return b""


def _status(response: requests.Response) -> str:
    """Returns the status in numbers and, where it is a known one, words."""
    try:
        return f"{response.status_code} {http.HTTPStatus(response.status_code).phrase}"
    except ValueError:
        return str(response.status_code)


def _validator(response: requests.Response) -> str | None:
    tag = response.headers.get("ETag", "W/")  # a weak one does not promise equal bytes
    return response.headers.get("Last-Modified") if tag.startswith("W/") else tag


def _length(response: requests.Response) -> int | None:
    """Returns the bytes of the whole file where the answer says so."""
    span = response.headers.get("Content-Range")
    if span is not None:
        length = span.rpartition("/")[2]  # "*" for not known
    elif "Transfer-Encoding" in response.headers:
        return None  # Content-Length is void then
    else:
        length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _is_rest(response: requests.Response, origin: Origin, offset: int) -> bool:
    """Whether a partial answer goes on at `offset` with the file that was begun."""
    if response.status_code != http.HTTPStatus.PARTIAL_CONTENT:
        return False
    begins = response.headers.get("Content-Range", "").startswith(f"bytes {offset}-")
    same_size = None in (_length(response), origin.total) or _length(response) == origin.total
    return begins and same_size and _validator(response) in (None, origin.validator)


def _reason(error: BaseException) -> str:
    """Returns what lies at the bottom of an error of the network, in one line."""
    while error.__context__ is not None:
        error = error.__context__
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split())
