"""The controller process: admin REST, operations on the registry, supervision of model containers.

Imports the layers below, never the frontend: queries go on being answered while this process is down. Nothing here
is on the path of a query.

Read it from `controller` (what is wired to what) over `operations` and `deployments` (what an operator can do) to
`supervision` (how the processes follow the registry); `admin` is the HTTP edge. This file loads the configuration
only, so that whoever composes settings does not load a web server.
"""

from clipper.management.config import AdminAuth, ControllerConfig, HomeFolder, ManagementConfig

__all__ = ["AdminAuth", "ControllerConfig", "HomeFolder", "ManagementConfig"]
