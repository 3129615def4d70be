"""Write the page that `dvc plots show` fills: it holds Vega, where DVC's own loads it."""

from pathlib import Path

from pipeline.common import files

# DVC puts its plots where {plot_divs} stands, and its links to a content delivery network where
# {scripts} stands: there is no such place here. {refresh_tag} is DVC's, too.
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>DVC plots</title>
<link rel="icon" href="data:,">
{refresh_tag}
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 1.5rem; background: #fff; color: #1c1b19; }
main { display: flex; flex-wrap: wrap; gap: 1.5rem; align-items: flex-start; }
img { max-width: 100%; height: auto; }
table { border-spacing: 15px; }
</style>
<script>
(() => {
VEGA_ITSELF
})();
</script>
</head>
<body>
<main>
{plot_divs}
</main>
</body>
</html>
"""


def vegalite_version() -> str:
    """Return the newest Vega-Lite 5 of the installed vl-convert-python: DVC's plots are written
    for Vega-Lite 5."""
    import vl_convert

    return [known for known in vl_convert.get_vegalite_versions() if known.startswith("5.")][-1]


def write_plots_page(path: Path) -> None:
    """Write the page for DVC's setting `plots.html_template`, about 0.9 MB.

    Vega, Vega-Lite and Vega-Embed come out of the installed package vl-convert-python.
    """
    import vl_convert

    script = vl_convert.javascript_bundle(vl_version=vegalite_version())
    # `</script` inside a script would end it; the escape means the same to JavaScript.
    page = _PAGE.replace("VEGA_ITSELF", script.replace("</script", r"<\/script"))
    for place in ("{plot_divs}", "{refresh_tag}"):
        assert page.count(place) == 1, "DVC would fill Vega's own code"
    files.write_text(path, page)
