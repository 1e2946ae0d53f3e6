"""`python -m tests.prove.launch COMMAND …`: the program `tamshy`, with places to die at, shorter leases, or a planted bug.

What is asked for stands in the environment: `PROVE_POINTS` names the folder of the places (see `points`), `PROVE_LEASES`
the seconds of a worker's lease, of a delivery's and of the pause before a second try; `PROVE_PLANT` names bugs (see
`planting`). Whatever the program starts is started in the same way.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

NAME: Final = "tests.prove.launch"
ROOT: Final = Path(__file__).parents[2]


def surroundings(
    points: Path | None = None, leases: tuple[float, float, float] | None = None, plant: str = ""
) -> dict[str, str]:
    """Write down what is asked for, as variables of the environment."""
    given = {"PYTHONPATH": str(ROOT)}
    if points is not None:
        for name in ("armed", "reached"):
            (points / name).mkdir(parents=True, exist_ok=True)
        given["PROVE_POINTS"] = str(points)
    if leases is not None:
        given["PROVE_LEASES"] = " ".join(map(str, leases))
    return given | ({"PROVE_PLANT": plant} if plant else {})


def _launch_children() -> None:
    """Have the program start its processes as this one was started."""
    from tamshy.site import processes  # noqa: PLC0415 - the program is loaded when it is known what for

    def start(command: list[str], **how: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401 - Popen's own
        return subprocess.Popen([NAME if word == "tamshy.site.cli" else word for word in command], **how)

    vars(processes)["subprocess"] = SimpleNamespace(Popen=start, TimeoutExpired=subprocess.TimeoutExpired)


def _shorten(worker: float, delivery: float, again: float) -> None:
    from tamshy import deliver  # noqa: PLC0415
    from tamshy.worker import leasing, loop  # noqa: PLC0415

    leasing.LEASE = timedelta(seconds=worker)  # type: ignore[misc]
    loop.QUIET_SHARING = min(loop.QUIET_SHARING, worker / 3)  # type: ignore[misc]
    pause = timedelta(seconds=again)
    deliver.Options = partial(  # type: ignore[assignment, misc]
        deliver.Options, lease=timedelta(seconds=delivery), first_retry=pause, longest_retry=pause, watch_s=0.2
    )


def main() -> int:
    """Prepare this process, and run the command."""
    from tamshy.site import cli  # noqa: PLC0415

    command = sys.argv[1]
    if command in {"serve", "demo"}:
        _launch_children()
    if leases := os.environ.get("PROVE_LEASES"):
        _shorten(*map(float, leases.split()))
    if plants := os.environ.get("PROVE_PLANT"):
        from tests.prove import planting  # noqa: PLC0415

        for plant in plants.split(","):
            planting.BUGS[plant]()
    if folder := os.environ.get("PROVE_POINTS"):
        from tests.prove import points  # noqa: PLC0415

        places = {"web": points.WEB, "worker": (*points.PASSES, *points.SENDER), "apply": points.PUBLISHER}
        points.install(places.get(command, ()), Path(folder))
    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
