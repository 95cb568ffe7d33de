"""A page on which a person can look over all clips in a minute."""

import urllib.parse
from collections.abc import Sequence

from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import replace_file
from dualatme_keras.megc2019 import CLASS_NAMES, database_title, describe_classes
from dualatme_keras.plots.page import Html, linked_image, page, text
from dualatme_keras.text import count

_STYLE = """
main { max-width: none; }
.clips { display: grid; grid-template-columns: repeat(auto-fill, minmax(30em, 1fr)); gap: .8em; }
.clips figure { padding: .4em; font-size: 13px; text-align: left; background: var(--paper);
  border: 1px solid var(--line); }
.clips img { width: 100%; display: block; }
figcaption { padding-top: .3em; }
.negative { color: #b2182b; } .positive { color: #1a7f37; } .surprise { color: #8a5a00; }
"""


def write_preview(folder, rows: list[dict], class_names: Sequence[str] = CLASS_NAMES) -> None:
    """Writes preview.html of a `PreparedFolder`: per clip onset, apex with boxes, flow images, label."""
    figures = "\n".join(_figure(folder, row, class_names) for row in rows)
    told = "Onset, apex with the HARS boxes, flow image of the entire face, flow image of the puzzle."
    clips = Html(f'<div class="clips">\n{figures}\n</div>')
    content = page(count(len(rows), "prepared clip"), told, [clips], _STYLE)
    replace_file(folder.path / "preview.html", content.encode())


def _figure(folder, row, class_names):
    # Names may hold what an address gives another meaning: #, ?, %.
    picture = urllib.parse.quote(folder.strip(row).relative_to(folder.path).as_posix())
    if row["label"] not in range(len(class_names)):
        raise DualATMEError(
            f"Expected a label {describe_classes(class_names)}. "
            f"Received: {row['label']} of the finished clip {row['name']}."
        )
    label = text(class_names[row["label"]])
    caption = (
        f"<b>{text(row['name'])}</b> {text(database_title(row['database']))}, "
        f'<span class="{label}">{label}</span> ({text(row["emotion"])}); onset {row["onset"]}, '
        f"apex {row['apex']} {row['apex_found']}, largest flow {row['flow_max']:.1f} px"
    )
    if row.get("doubts"):  # records of earlier versions have none
        caption += f"; <b>look at the face</b>: {text(row['doubts'])}"
    return linked_image(picture, row["name"], Html(caption))
