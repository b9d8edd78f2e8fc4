"""What is read on a page."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """The visible text of a page, its elements and their attributes."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.words, self.tags, self.attributes = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def body(report):
    """Return what is read on the page of a report, without the audit block."""
    return Page(report.html.split("<body>")[1].split("<details>")[0]).text
