"""Which environments there are, who uses them, and the end of those that nobody does."""

import asyncio

from clipper.management.bundles import BundleFolder
from clipper.management.environments import EnvironmentFolder, EnvironmentInfo


class EnvironmentUse:
    """Over the environments and the bundles that need them."""

    def __init__(self, environments: EnvironmentFolder, bundles: BundleFolder) -> None:
        self._environments = environments
        self._bundles = bundles

    async def all(self) -> list[EnvironmentInfo]:
        """Each environment that is built, with the number of bundles that run in it."""
        return await asyncio.to_thread(self._environments.infos, self._users())

    async def prune(self) -> list[EnvironmentInfo]:
        """Delete those that no model version, and no deployment under way, runs in; they are built again when needed.

        Returns:
            What was deleted.
        """
        unused = [each for each in await self.all() if not each.bundles]
        users = self._users()  # asked again, since a deployment may have begun meanwhile
        gone = [each for each in unused if each.name not in users]
        await asyncio.to_thread(self._environments.delete, [each.name for each in gone])
        return gone

    def _users(self) -> dict[str, int]:
        names = [self._environments.name_of(bundle.manifest) for bundle in self._bundles.in_use()]
        return {name: names.count(name) for name in names if name is not None}
