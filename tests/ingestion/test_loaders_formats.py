"""What each format's structure becomes: headings, lists and tables as Markdown, the rest dropped."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from docx import Document as new_word
from docx.document import Document as WordDocument
from docx.oxml import parse_xml

from ingestion.loaders.csv_files import CSVLoader
from ingestion.loaders.html import HTMLLoader
from ingestion.loaders.loading import load
from ingestion.loaders.pdf import PDFLoader
from ingestion.loaders.text import TextLoader
from ingestion.loaders.word import WordLoader
from tests.ingestion.making import box, line, lines, pdf

EXAMPLES = Path(__file__).parents[2] / "examples" / "handbook"
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def html(body: str, head: str = "") -> str:
    page = f"<html><head>{head}</head><body>{body}</body></html>"
    return HTMLLoader("page.html", page.encode()).load()[0].page_content


def text(content: str) -> str:
    return TextLoader("notes.txt", content.encode()).load()[0].page_content


def test_html_keeps_structure_and_drops_what_surrounds_it() -> None:
    page = """
    <header><nav><a href="/">Home</a></nav><h1>Leave</h1></header>
    <aside>Related</aside><script>track()</script><style>p {}</style>
    <h2>Days &amp; weeks</h2><p>You get <b>25</b> days,<br>more with <code>--senior</code>.</p>
    <ul><li>first<ul><li>inner</li></ul></li><li>second</li></ul><ol start="3"><li>third</li></ol>
    <dl><dt>PTO</dt><dd>paid time off</dd></dl><pre>a
      b</pre><blockquote><p>Quoted.</p></blockquote><footer>Imprint</footer>"""
    assert html(page) == (
        "# Leave\n\n## Days & weeks\n\nYou get 25 days,\nmore with `--senior`.\n\n"
        "- first\n  - inner\n- second\n\n3. third\n\n- **PTO:** paid time off\n\n"
        "```\na\n      b\n```\n\n> Quoted."
    )


def test_html_with_a_main_element_is_that_element() -> None:
    assert html("<div>Banner</div><main><h1>T</h1><p>Text</p></main><div>Chat with us</div>") == "# T\n\nText"


def test_html_tables_keep_rows_spans_and_captions() -> None:
    table = """<table><caption>Prices</caption><thead><tr><th>Plan</th><th>Size</th><th>Cost</th></tr></thead>
    <tr><td rowspan="2">Basic</td><td>S</td><td>1 | 2</td></tr><tr><td>M</td><td>3</td></tr>
    <tr><td colspan="2">All others</td><td><p>ask</p><p>us</p></td></tr></table>"""
    assert html(table) == (
        "Prices\n\n| Plan | Size | Cost |\n| --- | --- | --- |\n| Basic | S | 1 \\| 2 |\n| Basic | M | 3 |\n"
        "| All others |  | ask us |"
    )


def test_a_layout_table_is_its_content() -> None:
    assert html("<table><tr><td><h2>Part</h2><p>Text</p></td></tr></table>") == "## Part\n\nText"


def test_html_text_is_not_read_as_markdown() -> None:
    assert html("<p># not a heading</p><p>2024. A year</p>") == "\\# not a heading\n\n2024\\. A year"


def test_html_text_is_not_read_as_html_a_second_time() -> None:
    assert html("<p>&lt;script&gt; is bad</p><ul><li>&lt;!-- so</ul><p>1 &lt; 2</p>") == (
        "&lt;script> is bad\n\n- &lt;!-- so\n\n1 < 2"
    )


def test_a_page_inside_a_form_is_read() -> None:
    page = '<form id="aspnetForm"><input value="x"><button>Go</button><h2>Notice</h2><p>30 days.</p></form>'
    assert html(page) == "## Notice\n\n30 days."


def test_the_headings_of_a_header_are_kept() -> None:
    page = "<article><header><nav><h3>Menu</h3></nav><h2>Notice</h2>by Wim</header><p>30 days.</p></article>"
    assert html(page) == "## Notice\n\n30 days."


def test_powers_in_html_are_no_digits() -> None:
    page = "<p>10<sup>6</sup> euros, <b>10</b><sup>-3</sup> m<sup>2</sup>, the 1<sup>st</sup></p>"
    assert html(page) == "10^6 euros, 10^-3 m2, the 1st"


def test_the_title_of_html_loses_the_sites_name() -> None:
    def title(head: str, body: str) -> str:
        page = f"<html><head>{head}</head><body>{body}</body></html>"
        return str(HTMLLoader("time-off.html", page.encode()).load()[0].metadata["title"])

    assert title("<title>Leave | Handbook</title>", "<h1>Leave</h1>x") == "Leave"
    assert title("<title>Leave at Acme</title>", "<h1>How it works</h1>x") == "Leave at Acme"
    assert title("", "<h1>Leave</h1>x") == "Leave"
    assert title("", "<p>x</p>") == "Time off"


def test_word_keeps_headings_lists_and_tables_in_order() -> None:
    word = new_word()
    word.add_heading("Procurement", 0)
    word.add_heading("Quotes", 1)
    word.add_paragraph("Get quotes.")
    word.add_paragraph("ask", style="List Number")
    word.add_paragraph("compare", style="List Number")
    word.add_paragraph("by price", style="List Bullet 2")
    table = word.add_table(2, 2)
    for cell, value in zip(table._cells, ("Value", "Quotes", "below €1,000", "none"), strict=True):
        cell.text = value
    word.add_paragraph("# not a heading")
    word.add_paragraph("sign", style="List Number")
    document = WordLoader("a.docx", _bytes(word)).load()[0]
    assert document.metadata["title"] == "Procurement"
    assert document.page_content == (
        "# Procurement\n\n## Quotes\n\nGet quotes.\n\n1. ask\n2. compare\n   - by price\n\n"
        "| Value | Quotes |\n| --- | --- |\n| below €1,000 | none |\n\n\\# not a heading\n\n1. sign"
    )


def test_word_revisions_show_the_text_as_it_is_now() -> None:
    word = new_word()
    paragraph = word.add_paragraph("Thirty ")
    paragraph._p.append(parse_xml(f"<w:del {W}><w:r><w:delText>days</w:delText></w:r></w:del>"))
    paragraph._p.append(parse_xml(f"<w:ins {W}><w:r><w:t>weeks</w:t></w:r></w:ins>"))
    assert WordLoader("a.docx", _bytes(word)).load()[0].page_content == "Thirty weeks"


def test_word_content_controls_are_read() -> None:
    word = new_word()
    word.add_paragraph("Before.")
    control = f"<w:sdt {W}><w:sdtPr><w:alias w:val='x'/></w:sdtPr><w:sdtContent>"
    word.element.body.insert(
        1, parse_xml(f"{control}<w:p><w:r><w:t>Notice is 30 days.</w:t></w:r></w:p></w:sdtContent></w:sdt>")
    )
    table = word.add_table(1, 2)
    for cell, value in zip(table._cells, ("Role", "Days"), strict=True):
        cell.text = value
    cells = "".join(f"<w:tc><w:p><w:r><w:t>{value}</w:t></w:r></w:p></w:tc>" for value in ("Lead", "60"))
    table._tbl.append(parse_xml(f"{control}<w:tr>{cells}</w:tr></w:sdtContent></w:sdt>"))
    assert WordLoader("a.docx", _bytes(word)).load()[0].page_content == (
        "Before.\n\nNotice is 30 days.\n\n| Role | Days |\n| --- | --- |\n| Lead | 60 |"
    )


@pytest.mark.parametrize(
    "properties",
    [
        "<w:docPartObj><w:docPartGallery w:val='Table of Contents'/></w:docPartObj>",
        "<w:showingPlcHdr/>",
    ],
)
def test_word_content_controls_without_content_of_their_own_are_left_out(properties: str) -> None:
    word = new_word()
    word.add_paragraph("Before.")
    inner = f"<w:sdtPr>{properties}</w:sdtPr><w:sdtContent><w:p><w:r><w:t>x</w:t></w:r></w:p></w:sdtContent>"
    word.element.body.insert(1, parse_xml(f"<w:sdt {W}>{inner}</w:sdt>"))
    assert WordLoader("a.docx", _bytes(word)).load()[0].page_content == "Before."


def test_a_word_table_inside_a_cell_is_read() -> None:
    word = new_word()
    table = word.add_table(2, 2)
    for cell, value in zip(table._cells, ("Site", "Days", "Rome", "As follows:"), strict=True):
        cell.text = value
    inner = table.cell(1, 1).add_table(2, 2)
    for cell, value in zip(inner._cells, ("Lead", "60", "Staff", "30"), strict=True):
        cell.text = value
    assert WordLoader("a.docx", _bytes(word)).load()[0].page_content == (
        "| Site | Days |\n| --- | --- |\n| Rome | As follows: Lead; 60. Staff; 30 |"
    )


def test_a_word_list_without_its_numbering_part_has_bullets() -> None:
    word = new_word()
    properties = word.add_paragraph("sign")._p.get_or_add_pPr()
    properties.append(parse_xml(f'<w:numPr {W}><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>'))
    relations = word.part.rels
    for number in [number for number, found in relations.items() if found.reltype.endswith("/numbering")]:
        del relations[number]
    assert WordLoader("a.docx", _bytes(word)).load()[0].page_content == "- sign"


def test_powers_in_word_are_no_digits() -> None:
    word = new_word()
    paragraph = word.add_paragraph("10")
    paragraph.add_run("6").font.superscript = True
    paragraph.add_run(" euros, the 1")
    paragraph.add_run("st").font.superscript = True
    assert WordLoader("a.docx", _bytes(word)).load()[0].page_content == "10^6 euros, the 1st"


def test_word_without_heading_styles_takes_bold_lines() -> None:
    word = new_word()
    word.add_paragraph().add_run("Side jobs").bold = True
    word.add_paragraph("Tell your lead.")
    assert WordLoader("a.docx", _bytes(word)).load()[0].page_content == "## Side jobs\n\nTell your lead."


def test_csv_becomes_a_table_with_readable_headers() -> None:
    content = 'sku;list_price;notes\nA-1;"1,50";"two\nlines | bar"\n;;\nB-2;2\n'
    document = CSVLoader("price-list.csv", content.encode()).load()[0]
    assert document.metadata["title"] == "Price list"
    assert document.page_content == (
        "# Price list\n\n| sku | list price | notes |\n| --- | --- | --- |\n"
        "| A-1 | 1,50 | two lines \\| bar |\n"
        "| B-2 | 2 |  |"
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Prices, net\n\nsku;price\nA-1;1,50\nB-2;2,00\n", "Prices, net\n\n| sku | price |\n| --- | --- |\n"),
        ("Prices;\nsku;price\nA-1;1,50\nB-2;2,00\n", "Prices\n\n| sku | price |\n| --- | --- |\n"),
        ("sep=;\nsku;price\nA-1;1,50\nB-2;2,00\n", "| sku | price |\n| --- | --- |\n"),
        ('"sep=\t"\nsku\tprice\nA-1\t1,50\nB-2\t2,00\n', "| sku | price |\n| --- | --- |\n"),
        ("sku|price\nA-1|1,50\nB-2|2,00\n", "| sku | price |\n| --- | --- |\n"),
    ],
)
def test_what_stands_above_a_csv_table_is_no_header(content: str, expected: str) -> None:
    text = CSVLoader("a.csv", content.encode()).load()[0].page_content
    assert text == f"# A\n\n{expected}| A-1 | 1,50 |\n| B-2 | 2,00 |"


def test_a_csv_of_one_column_stays_a_table() -> None:
    text = CSVLoader("a.csv", b"Site\nRome\nParis\n").load()[0].page_content
    assert text == "# A\n\n| Site |\n| --- |\n| Rome |\n| Paris |"


def test_plain_text_gets_headings_and_lists() -> None:
    content = (
        "VPN SETUP\n=========\nOwner: Wim\nPhone: 4100\n\nPROFILES\n\n"
        "  Split    The default\n           for all.\n  Full     All traffic.\n\n"
        "Changed\n  * one\n    more\nFixed\n  * two\n"
    )
    assert text(content) == (
        "VPN SETUP\n=========\n\n- Owner: Wim\n- Phone: 4100\n\n## PROFILES\n\n"
        "- **Split** The default for all.\n- **Full** All traffic.\n\n"
        "Changed\n  * one\n    more\n\nFixed\n  * two"
    )


def test_pdf_paragraphs_headings_and_lists_are_put_together() -> None:
    page = [
        line("Code of conduct", 780, size=20, bold=True),
        *lines(
            ["We are direct and we are kind in all that we do, and our cust-", "omers know it very well."],
            750,
        ),
        line("Gifts", 700, size=14, bold=True),
        line("• up to fifty euros are fine, whoever it is that gives them to", 680, x=80),
        line("you", 666, x=90),
        line("• never cash", 652, x=80),
    ]
    document = PDFLoader("conduct.pdf", pdf(page)).load()[0]
    assert document.metadata["title"] == "Code of conduct"
    assert document.page_content == (
        "# Code of conduct\n\nWe are direct and we are kind in all that we do, and our customers "
        "know it very well."
        "\n\n## Gifts\n\n- up to fifty euros are fine, whoever it is that gives them to you\n- never cash"
    )


def test_pdf_headers_and_page_numbers_are_dropped_and_pages_known() -> None:
    def page(number: int, body: str) -> list[str]:
        furniture = [
            line("Handbook of Acme", 820, size=8),
            line(f"Internal | Page {number} of 3", 20, size=8),
        ]
        return [
            furniture[0],
            *lines([body, f"This is said on the sheet of number {number}."], 700),
            furniture[1],
        ]

    document = PDFLoader("a.pdf", pdf(page(1, "Alpha."), page(2, "Beta."), page(3, "Gamma."))).load()[0]
    assert "Handbook" not in document.page_content
    assert "Page" not in document.page_content
    assert document.metadata["pages"] == 3
    starts = document.metadata["page_starts"]
    printed = document.page_content.split("\n")
    assert [printed[start].split(".")[0] for start in starts] == ["Alpha", "Beta", "Gamma"]


def test_a_paragraph_that_runs_over_the_page_is_one() -> None:
    first = [*lines(["A rule that begins on the first page and that goes on over its"], 100)]
    document = PDFLoader("a.pdf", pdf(first, lines(["end and stops here."], 780))).load()[0]
    assert document.page_content.endswith("goes on over its end and stops here.")


def test_a_pdf_table_with_lines_keeps_wrapped_cells_together() -> None:
    page = [
        *(box(x, y, 150, height) for y, height in ((700, 15), (670, 30), (655, 15)) for x in (70, 220)),
        line("Whom", 704, bold=True), line("When", 704, x=225, bold=True),
        line("Your lead or", 688), line("another lead", 674), line("2 days", 681, x=225),
        line("Works council", 659), line("next meeting", 659, x=225),
        line("After the table.", 620),
    ]  # fmt: skip
    assert PDFLoader("a.pdf", pdf(page)).load()[0].page_content == (
        "| Whom | When |\n| --- | --- |\n| Your lead or another lead | 2 days |\n"
        "| Works council | next meeting |\n\n"
        "After the table."
    )


def test_a_pdf_table_without_lines_is_told_by_its_columns() -> None:
    rows = [("Part", "Paid by", "Share"), ("Base", "Acme", "11.5%"), ("Extra", "employee", "2%")]
    page = [
        line(cell, 700 - 15 * number, x=70 + 150 * column)
        for number, row in enumerate(rows)
        for column, cell in enumerate(row)
    ]
    assert PDFLoader("a.pdf", pdf(page)).load()[0].page_content == (
        "| Part | Paid by | Share |\n| --- | --- | --- |\n| Base | Acme | 11.5% |\n| Extra | employee | 2% |"
    )


def test_every_example_document_loads_with_a_title() -> None:
    files = [path for path in sorted(EXAMPLES.rglob("*")) if path.is_file()]
    assert {path.suffix for path in files} == {".md", ".html", ".pdf", ".docx", ".csv", ".txt"}
    documents = [load(path, EXAMPLES) for path in files]
    assert all(document.title and "===" not in document.title for document in documents)
    assert not any("window.pageStats" in document.text for document in documents)


def _bytes(word: WordDocument) -> bytes:
    output = io.BytesIO()
    word.save(output)
    return output.getvalue()
