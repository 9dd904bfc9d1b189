"""The model card of a trained network: what it is, what it learned from, what it lost, and how it is used."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nst.networks.io import KINDS

FILE = "README.md"
"""Where Hugging Face and others look for it."""

LICENCE = "Licence: that of whoever publishes this network. Its style pictures and loss network may set conditions."


def text(
    about: Mapping[str, Any],
    *,
    steps: int,
    pictures: int,
    losses: Mapping[str, float],
    held_out: Mapping[str, float],
) -> str:
    """Return the card, in Markdown, with the fields at its top that model hubs read.

    Args:
        about: The description that `networks.io.describe` returns.
        steps: Of the optimiser.
        pictures: Photographs that it was trained on.
        losses: Of the last step, name -> weighted loss.
        held_out: The same for photographs that it was not trained on; empty if there are none.
    """
    config = about["config"]
    data, method = config.get("data") or {}, config.get("method") or {}
    source = (
        f"folder {Path(data['path']).name}" if data.get("path") else "samples of scikit-image and the styles of nst"
    )
    rows = [
        ("method", about["method"]),
        ("network", f"`{about['kind']}`, {json.dumps(about['options'])}"),
        ("styles", ", ".join(about["styles"])),
        ("size of the styles", f"shorter edge {method.get('style_size', '?')} pixels"),
        ("photographs", f"{pictures}, {source}"),
        ("steps", f"{steps}, seed {config.get('seed', '?')}"),
        ("losses of the last step", _listed(losses)),
        ("losses of held-out photographs", _listed(held_out) or "not measured"),
        ("loss network", (config.get("backbone") or {}).get("model", "wavelet")),
    ]
    title, what, style = f"Painted styles: {', '.join(about['styles'])}", "a style", about["styles"][0]
    if KINDS[about["kind"]].accepts_any_style:
        title, what, style = "Any style", "the style of any picture", "art.jpg"
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"""---
library_name: nst
pipeline_tag: image-to-image
tags: [neural-style-transfer]
license: other
---

# {title}

Paints a photograph in {what}, in one pass. `network.safetensors` holds the parameters and their description.

```
nst stylize checkpoint=network.safetensors content=photo.jpg style={style}
```

| | |
|---|---|
{table}

{LICENCE}
"""


def _listed(losses: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in losses.items())
