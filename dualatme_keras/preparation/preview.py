"""A page on which a person can look over all clips in a minute."""

import html
import urllib.parse

from dualatme_keras.files import replace_file
from dualatme_keras.megc2019 import CLASS_NAMES, database_title

_STYLE = """
body { font: 13px system-ui, sans-serif; margin: 1.5em; background: #fafafa; color: #222 }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(30em, 1fr)); gap: 0.8em }
figure { margin: 0; background: #fff; border: 1px solid #ddd; padding: 0.4em }
img { width: 100%; display: block }
figcaption { padding-top: 0.3em } .negative { color: #b2182b } .positive { color: #1a7f37 }
.surprise { color: #8a5a00 } b { font-weight: 600 }
"""


def write_preview(folder, rows: list[dict]) -> None:
    """Writes preview.html of a `PreparedFolder`: per clip onset, apex with boxes, flow images, label."""
    figures = "\n".join(_figure(folder, row) for row in rows)
    page = (
        "<!doctype html>\n<html lang='en'><meta charset='utf-8'><title>Prepared clips</title>"
        f"<style>{_STYLE}</style>\n<h1>{len(rows)} prepared clips</h1>\n"
        "<p>Onset, apex with the HARS boxes, flow image of the entire face, flow image of the puzzle.</p>\n"
        f"<main>\n{figures}\n</main></html>\n"
    )
    replace_file(folder.path / "preview.html", page.encode())


def _figure(folder, row):
    # Names may hold what an address gives another meaning: #, ?, %.
    picture = urllib.parse.quote(folder.strip(row).relative_to(folder.path).as_posix())
    label = CLASS_NAMES[row["label"]]
    caption = (
        f"<b>{html.escape(row['name'])}</b> {html.escape(database_title(row['database']))}, "
        f"<span class='{label}'>{label}</span> ({html.escape(row['emotion'])}); onset {row['onset']}, "
        f"apex {row['apex']} {row['apex_found']}, largest flow {row['flow_max']:.1f} px"
    )
    if row.get("doubts"):  # records of earlier versions have none
        caption += f"; <b>look at the face</b>: {html.escape(row['doubts'])}"
    return (
        f"<figure><img loading='lazy' src='{html.escape(picture)}' alt='{html.escape(row['name'])}'>"
        f"<figcaption>{caption}</figcaption></figure>"
    )
