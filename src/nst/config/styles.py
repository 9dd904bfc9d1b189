"""The styles of `conf/style`, read without Hydra. Imports nothing heavy."""

import yaml

from nst.config.search_path import OWN
from nst.data.library import ImageSource

MOVEMENTS = (  # in historical order; any others follow
    "prehistoric",
    "ancient",
    "medieval",
    "renaissance",
    "baroque",
    "ukiyo-e",
    "romanticism",
    "impressionism",
    "post-impressionism",
    "art nouveau",
    "expressionism",
    "cubism",
    "abstraction",
    "homage",
)


def pictures() -> list[ImageSource]:
    """Return the styles of `conf/style`, in historical order."""
    shared = yaml.safe_load((OWN / "painting.yaml").read_text(encoding="utf-8"))
    found = []
    for file in sorted((OWN / "style").glob("*.yaml")):
        fields = yaml.safe_load(file.read_text(encoding="utf-8"))
        fields.pop("defaults")
        found.append(ImageSource(name=file.stem, **(shared | fields)))
    order = {movement: place for place, movement in enumerate(MOVEMENTS)}
    return sorted(found, key=lambda picture: (order.get(picture.movement, len(order)), picture.name))
