"""Several linear demands at once, as a mixed-integer program."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_matrix

from surrogates.counterfactuals.columns import same
from surrogates.counterfactuals.paths import STEPS, Paths

__all__ = ["solve_program"]

_FAR = 1e7


class _Program:
    """Columns and rows of the program, collected one by one."""

    def __init__(self, n_demands: int) -> None:
        self.n_demands = n_demands
        self.costs: list[float] = []
        self.gains: list[NDArray[np.float64]] = []
        self.upper: list[float] = []
        self.whole: list[int] = []
        self.rows: list[tuple[dict[int, float], float]] = []  # coefficients, upper bound

    def add(self, cost: float, gains: NDArray[np.float64], upper: float, *, whole: bool) -> int:
        """Add a variable between 0 and `upper`; return its place."""
        self.costs.append(cost)
        self.gains.append(gains)
        self.upper.append(upper)
        self.whole.append(int(whole))
        return len(self.costs) - 1

    def limit(self, coefficients: dict[int, float], upper: float) -> None:
        """Add ``coefficients @ variables <= upper``."""
        self.rows.append((coefficients, upper))

    def solve(
        self, missing: NDArray[np.float64], time_limit: float
    ) -> tuple[NDArray[np.float64] | None, float, bool]:
        """Return the solution, what no solution costs less than, and if there is proved none."""
        n = len(self.costs)
        limits = [LinearConstraint(np.array(self.gains).T, lb=missing)]
        if self.rows:
            entries = [
                (row, place, value)
                for row, (coefficients, _) in enumerate(self.rows)
                for place, value in coefficients.items()
            ]
            at, places, values = zip(*entries, strict=True)
            matrix = csr_matrix((values, (at, places)), shape=(len(self.rows), n))
            limits.append(LinearConstraint(matrix, ub=[upper for _, upper in self.rows]))
        found = milp(
            np.array(self.costs),
            constraints=limits,
            bounds=Bounds(0.0, np.array(self.upper)),
            integrality=np.array(self.whole),
            options={"mip_rel_gap": 0.0, "time_limit": time_limit},
        )
        if found.status == 0:
            return found.x, float(found.fun), False
        bound = found.get("mip_dual_bound")
        return found.x, 0.0 if bound is None else float(bound), found.status == 2


def solve_program(
    paths: Paths,
    weights: NDArray[np.float64],
    missing: NDArray[np.float64],
    time_limit: float,
) -> tuple[NDArray[np.float64] | None, float]:
    """Return rows at the border and just beyond, and the cost that no row is below.

    Parameters
    ----------
    paths : Paths
    weights : ndarray of shape (n_demands, n_raw)
    missing : ndarray of shape (n_demands,)
        Least gain of each demand.
    time_limit : float
        Seconds.
    """
    program, start = _Program(len(missing)), paths.start
    counted: dict[int, float] = {}
    placed = [
        (_add_line if part < paths.n_lines else _add_options)(
            program, paths, part, weights, counted
        )
        for part in range(len(paths.kind))
    ]
    if not program.costs:
        return None, np.inf
    if start.most_changes < len(start.codes):
        program.limit(counted, float(start.most_changes))
    solution, cost, impossible = program.solve(missing, time_limit)
    if solution is None:
        return None, np.inf if impossible else cost
    rows = paths.starting_rows()
    for part, places in enumerate(placed):
        values, members = solution[places], list(paths.members[part])
        if part >= paths.n_lines:
            if values.max(initial=0.0) > 0.5:
                chosen = paths.options(part).start + int(np.argmax(values))
                rows[:, members] = paths.option_codes(part, chosen)
            continue
        distance = values[1] - values[0]
        if abs(distance) * paths.unit[part] > 1e-9:
            rows[:, members] = paths.moved(part, distance, np.sign(distance))[:, None]
    return rows[~same(rows, start.codes).all(axis=1)], cost


def _add_options(
    program: _Program,
    paths: Paths,
    part: int,
    weights: NDArray[np.float64],
    counted: dict[int, float],
) -> list[int]:
    own = paths.options(part)
    places = [
        program.add(cost, weights @ effect, 1.0, whole=True)
        for cost, effect in zip(paths.costs[own], paths.effects[own], strict=True)
    ]
    program.limit(dict.fromkeys(places, 1.0), 1.0)
    counted.update(zip(places, paths.changes[own].astype(float), strict=True))
    return places


def _add_line(
    program: _Program,
    paths: Paths,
    part: int,
    weights: NDArray[np.float64],
    counted: dict[int, float],
) -> list[int]:
    """Add distances down and up, with a switch each where they come in steps or are counted."""
    slope, unit, step = weights @ paths.slopes[part], paths.unit[part], paths.step[part]
    places = []
    for side, sign in enumerate((-1.0, 1.0)):
        most = min(float(paths.last[part, side]), _FAR / unit)
        distance = program.add(unit, sign * slope, most, whole=False)
        switch = program.add(0.0, 0.0 * slope, 1.0, whole=True)
        program.limit({distance: 1.0, switch: -most}, 0.0)
        counted[switch] = 1.0
        if paths.kind[part] == STEPS and most > 0.0:
            steps = program.add(0.0, 0.0 * slope, np.ceil(most / step), whole=True)
            exact = {distance: 1.0, switch: -float(paths.first[part, side]), steps: -step}
            program.limit(exact, 0.0)
            program.limit({place: -value for place, value in exact.items()}, 0.0)
            program.limit({steps: 1.0, switch: -np.ceil(most / step)}, 0.0)
        places.append(distance)
    return places
