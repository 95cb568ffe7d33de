"""The few HTML pieces that pages are built from. Text is escaped unless it is `Html` already."""

import base64
from html import escape

_DOCUMENT = """
:root { color-scheme: light; --ink: #1b2430; --muted: #66717f; --line: #e3e8ee; --accent: #1f5fa8;
  --soft: #e8f0f9; --paper: #fff; }
* { box-sizing: border-box; }
body { margin: 0; background: #f5f7fa; color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { margin: 0; font-size: 1.8rem; line-height: 1.2; overflow-wrap: anywhere; }
@media (max-width: 40rem) { main { padding: 1rem .6rem 3rem; } }
@media print { body { background: none; } }
"""

PIECES_STYLE = """
h2 { margin: 0 0 .75rem; font-size: 1.15rem; }
p { margin: .25rem 0 .75rem; max-width: 46rem; }
.scroll + p { margin-top: .9rem; }
section > :last-child { margin-bottom: 0; }
.muted { color: var(--muted); }
section { margin-top: 1.25rem; padding: 1.25rem; background: var(--paper); border: 1px solid var(--line);
  border-radius: .75rem; }
.scroll { overflow: auto; max-height: 34rem; --shade: color-mix(in srgb, var(--ink) 22%, transparent);
  background: linear-gradient(to right, var(--paper) 50%, transparent) left / 1.8rem 100% no-repeat local,
    linear-gradient(to left, var(--paper) 50%, transparent) right / 1.8rem 100% no-repeat local,
    linear-gradient(to right, var(--shade), transparent) left / .6rem 100% no-repeat,
    linear-gradient(to left, var(--shade), transparent) right / .6rem 100% no-repeat; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .93rem; }
th { position: sticky; top: 0; background: var(--paper); color: var(--muted); font-weight: 600;
  font-size: .82rem; box-shadow: inset 0 -2px var(--line); }
th, td { padding: .45rem .75rem; text-align: left; vertical-align: top; white-space: nowrap; }
td { border-bottom: 1px solid var(--line); }
tr:last-child td { border-bottom: 0; }
.r { text-align: right; }
.w { white-space: normal; overflow-wrap: anywhere; }
.range { display: block; position: relative; width: 8.5rem; height: .4rem; margin-top: .3rem;
  border-radius: .2rem; background: var(--line); }
.range i { position: absolute; top: 0; bottom: 0; border-radius: .2rem; background: #9dc0e6; }
.range b { position: absolute; top: -.15rem; bottom: -.15rem; width: .2rem; margin-left: -.1rem;
  border-radius: .1rem; background: var(--accent); }
.bar { display: block; min-width: 4.5rem; padding: 0 .4rem; border-radius: .2rem; text-align: right; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 1rem; }
figure { margin: 0; text-align: center; }
img { max-width: 100%; height: auto; }
.figures img { max-height: 29rem; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.75rem, 1fr)); gap: 1rem .75rem; }
figcaption { font-size: .82rem; color: var(--muted); overflow-wrap: anywhere; }
.pictures img { width: 8.75rem; border: 1px solid var(--line); border-radius: .3rem; }
.wide img { max-width: none; width: 100%; min-width: 40rem; }
dl { margin: 0; }
dt { font-weight: 600; }
dd { margin: 0 0 .6rem; max-width: 46rem; }
@media (max-width: 40rem) { section { padding: .9rem; } }
@media print { .scroll { max-height: none; overflow: visible; }
  section { break-inside: auto; border: 0; padding: 0; } }
"""
"""Of the pieces below; the page around them has the colours: ink, muted, line, accent, soft, paper."""


class Html(str):
    """Text that is HTML already and is not escaped again."""


def text(value) -> Html:
    """Escapes anything but `Html`."""
    return value if isinstance(value, Html) else Html(escape(str(value)))


def table(headers, rows, align: str) -> Html:
    """A table that scrolls within its own box.

    Args:
        headers: title of each column.
        rows: rows of cells, each cell anything that `text` takes.
        align: one letter per column: `l` left, `r` right, `w` left and wrapped.
    """

    def line(tag, cells):
        marked = zip(align, cells, strict=True)
        return "<tr>" + "".join(f'<{tag} class="{c}">{text(cell)}</{tag}>' for c, cell in marked) + "</tr>"

    body = "\n".join(line("td", row) for row in rows)
    # A box that scrolls must be reachable by keyboard.
    return Html(
        f'<div class="scroll" tabindex="0"><table><thead>{line("th", headers)}</thead>\n'
        f"<tbody>{body}</tbody></table></div>"
    )


def image(png: bytes, description: str) -> Html:
    """A PNG within the page, no wider than its place."""
    data = base64.b64encode(png).decode()
    return Html(f'<figure><img alt="{text(description)}" src="data:image/png;base64,{data}"></figure>')


def captioned_image(content: bytes, description: str, caption: Html, kind: str = "png") -> Html:
    """An image of a kind, `png` or `jpeg`, within the page, with words below it."""
    data = base64.b64encode(content).decode()
    return Html(
        f'<figure><img alt="{text(description)}" src="data:image/{kind};base64,{data}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def linked_image(address: str, description: str, caption: Html) -> Html:
    """An image that lies in a file of its own, loaded when it comes into view."""
    return Html(
        f'<figure><img loading="lazy" alt="{text(description)}" src="{text(address)}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def wide_image(png: bytes, description: str) -> Html:
    """A PNG that stays readable on a narrow screen: it scrolls sideways there."""
    return Html(f'<div class="scroll wide" tabindex="0">{image(png, description)}</div>')


def bar(share: float, label: str) -> Html:
    """A number in front of a bar as long as `share`, in [0, 1]."""
    stop = f"{100 * min(max(share, 0), 1):.1f}%"
    style = f"background: linear-gradient(to right, var(--soft) {stop}, transparent {stop})"
    return Html(f'<span class="bar" style="{style}">{text(label)}</span>')


def score_range(value: float, interval, label: str) -> Html:
    """A label over a line from 0 to 1 that shows a score and its interval, `[low, high]` or `None`."""
    low, high = interval or (value, value)
    band = f'<i style="left: {100 * low:.1f}%; width: {100 * (high - low):.1f}%"></i>'
    mark = f'<b style="left: {100 * value:.1f}%"></b>'
    return Html(f'{text(label)}<span class="range" aria-hidden="true">{band}{mark}</span>')


def section(title: str, *pieces) -> Html:
    """A titled box; strings become escaped paragraphs."""
    body = "\n".join(p if isinstance(p, Html) else f"<p>{text(p)}</p>" for p in pieces)
    return Html(f"<section><h2>{text(title)}</h2>\n{body}</section>")


def page(title: str, subtitle: str, sections, style: str = "") -> str:
    """A whole document, whose style is that of all pages and `style`."""
    body = "\n".join(sections)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{_DOCUMENT}{PIECES_STYLE}{style}</style></head>\n<body><main>\n"
        f'<h1>{text(title)}</h1>\n<p class="muted">{text(subtitle)}</p>\n{body}\n</main></body></html>\n'
    )
