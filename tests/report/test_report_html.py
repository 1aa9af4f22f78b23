"""The HTML page: the table's numbers, everything escaped, links that lead somewhere."""

from html.parser import HTMLParser

import pytest

from fmnbench.board import boards
from fmnbench.records.store import Store
from fmnbench.report import Options, render
from fmnbench.report.sections import page as page_of


class Page(HTMLParser):
    """The cells of each table row, the links and images, and the elements that were opened."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.links, self.images, self.opened = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.opened.append(tag)
        given = dict(attributes)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag == "a":
            self.links.append(given["href"])
        elif tag == "img":
            self.images.append((given["alt"], given["src"]))

    def handle_endtag(self, tag):
        if tag == "table":
            self.rows.append([])  # what follows is in no cell

    def handle_data(self, data):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.rstrip("\n")


@pytest.fixture
def results(row):
    metrics = {"reference.nll": 200.0}
    return [
        *row({0: 10.0, 1: 11.0, 2: 12.0}, metrics=metrics),
        *row({0: 20.5, 1: 21.0, 2: 23.0}, critic="self", lambda_=20.0, metrics=metrics),
    ]


def _head(head):
    return f"{head.name}{head.arrow}{f' ({head.unit})' if head.unit else ''}"


def test_the_page_has_the_numbers_of_the_table(results):
    (board,) = boards(results)
    (section,) = page_of([board], Options()).sections
    page = Page(render([board], "html"))
    for table, extra in ((section.table, 0), (section.whole, 1)):
        heads = [_head(head) for head in table.heads]
        place = [line[1 : len(line) - extra] for line in page.rows].index(heads)
        expected = [[row.label, *(cell.number for cell in row.cells)] for row in table.rows]
        found = page.rows[place + 1 : place + 1 + len(expected)]
        assert [line[: len(line) - extra] for line in found] == expected
    assert page.rows[1][2].startswith("11.0")


def test_each_seed_links_to_its_record(results):
    page = Page(render(boards(results), "html", Options(links="../results")))
    keys = [result.spec.key for result in results]
    assert page.links == [f"../results/toy-mlp/{key}.json" for key in keys]


def test_pictures_stand_below_their_table_and_not_in_the_reports_protocol(results):
    key = results[0].spec.key
    options = Options(pictures={key: "figures/a b.png", "0" * 16: "figures/other.png"})
    page = Page(render(boards(results), "html", options))
    assert page.images == [("VAE", "figures/a%20b.png")]
    assert not Page(render(boards(results, "as-published"), "html", options)).images


def test_nothing_in_a_record_becomes_an_element_of_the_page(row):
    evil = "<img src=x onerror=alert(1)>\"'&"
    results = row({0: 1.0}, track={"dataset": evil, "dataset_settings": {evil: evil}})
    results += row({0: 1.0}, critic=evil, status="failed", error=evil)
    page = Page(render(boards(results), "html"))
    assert not page.images
    assert set(page.opened) <= {
        *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "code", "section"),
        *("h3", "b", "sup", "details", "summary", "dl", "dt", "dd"),
        *("div", "table", "thead", "tbody", "tr", "th", "td", "span", "a", "ol", "li"),
    }


def test_a_page_without_records_says_so():
    assert "There are no records yet." in render([], "html")


def test_out_with_the_suffix_html_is_a_page(results, tmp_path, fmnbench):
    store = Store(tmp_path / "results")
    for result in results:
        store.save(result)
    out = tmp_path / "site" / "index.html"
    assert fmnbench("report", "--store", store.folder, "--out", out).code == 0
    page = Page(out.read_text())
    assert all((out.parent / link).resolve().is_file() for link in page.links)
    assert len(page.links) == 12  # toy-mlp re-runs a published table: both protocols
