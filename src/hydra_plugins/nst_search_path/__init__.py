"""Hydra's plugin that lets installed packages add options to nst; Hydra takes plugins from here alone."""

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

from nst.config.search_path import OWN, installed


class NstSearchPath(SearchPathPlugin):
    """Add the folders of the entry points `nst.conf` behind nst's own: no package can replace an option of nst."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add them, where the program is nst and no other that uses Hydra."""
        if any(
            one.provider == "main" and (one.path or "").removeprefix("file://") == str(OWN)
            for one in search_path.get_path()
        ):
            for name, folder in installed():
                search_path.append(provider=name, path=f"file://{folder}")
