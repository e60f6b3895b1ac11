"""What a workspace's settings are, and how they are changed where there is no file to edit."""

from headwater.api.documents import SettingInfo
from headwater.errors import InvalidInput, did_you_mean
from headwater.settings import CONFIG, FolderPlace
from headwater.workspace import store
from headwater.workspace.parts import Parts
from headwater.workspace.setting_rows import config_from, config_rows, given_value, setting_values


class SettingVerbs:
    """Settings; a workspace that is open goes by those that it was opened with."""

    _parts: Parts

    def settings(self) -> list[SettingInfo]:
        """Returns every setting, with what it is without one."""
        return [SettingInfo(*row) for row in setting_values(self._parts.config)]

    def change_setting(self, name: str, value: str) -> SettingInfo:
        """Changes a setting that the catalog keeps, for whoever opens the workspace from then on.

        Args:
            name: Such as `workers.processes`.
            value: As it would stand in `headwater.toml`.

        Raises:
            InvalidInput: There is no such setting, it cannot have this value, or it is in a file.
        """
        parts = self._parts
        known = {one.name: one for one in self.settings()}
        if name not in known:
            raise InvalidInput(f"There is no setting {name!r}.", hint=did_you_mean(name, known))
        if isinstance(parts.place, FolderPlace):
            raise InvalidInput(
                "The settings of this workspace are in a file.", hint=f"Edit {parts.place.folder / CONFIG}."
            )
        with parts.catalog.write() as conn:
            changed = config_from(store.settings_in(conn) | {name: given_value(value)})
            store.keep_settings(conn, config_rows(changed))
        return next(SettingInfo(*row) for row in setting_values(changed) if row[0] == name)
