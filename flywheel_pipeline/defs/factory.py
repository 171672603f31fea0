"""The asset factory: functions that know neither the app nor its neighbours become definitions of one flywheel.

A step's function names its resources `bench` and `lake`, and other assets by their table. `Recipe.build` gives the
resources the keys, and the assets the names, that they have in a scope: so several apps live in one code location.
"""

import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import update_wrapper
from typing import Any

import dagster as dg

from flywheel_pipeline.atomic_write import locked
from flywheel_pipeline.defs.scope import Scope
from flywheel_pipeline.settings import Settings

RESOURCES = ("bench", "lake")
"""Parameters of steps, checks and sensors that are resources of their flywheel."""

Make = Callable[[Scope, Callable[..., Any]], Any]


class Recipe:
    """A function and what its Dagster decorator says; called, it is the function itself."""

    def __init__(self, function: Callable[..., Any], make: Make) -> None:
        self.function, self._make = function, make
        update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self.function(*args, **kwargs)

    def build(self, scope: Scope) -> Any:
        """Return its definition in a scope."""
        return self._make(scope, bound(self.function, scope))


def asset(
    *,
    pool: bool = False,
    partitions: Callable[[Settings], dg.PartitionsDefinition] | None = None,
    **words: Any,
) -> Callable[[Callable[..., Any]], Recipe]:
    """Declare the asset that a function makes, under the function's name; `words` are those of `dg.AssetSpec`."""

    def declare(function: Callable[..., Any]) -> Recipe:
        spec = dg.AssetSpec(function.__name__, description=inspect.getdoc(function), **words)
        return multi_asset(name=function.__name__, specs=[spec], pool=pool, partitions=partitions)(function)

    return declare


def multi_asset(
    *,
    name: str,
    specs: Sequence[dg.AssetSpec],
    pool: bool = False,
    partitions: Callable[[Settings], dg.PartitionsDefinition] | None = None,
) -> Callable[[Callable[..., Any]], Recipe]:
    """Declare the assets that one function makes; with `pool`, its step counts as one that asks models."""

    def make(scope: Scope, function: Callable[..., Any]) -> dg.AssetsDefinition:
        days = partitions and partitions(scope.settings)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.BetaWarning)  # backfill_policy: a backfill in one run needs it
            decorate = dg.multi_asset(
                name=scope.name(name),
                specs=[scope.spec(s) for s in specs],
                partitions_def=days,
                backfill_policy=dg.BackfillPolicy.single_run() if days else None,
                pool=scope.models_pool if pool else None,
            )
        return decorate(_alone(function, scope, "models" if pool else name))

    return lambda function: Recipe(function, make)


def asset_check(
    *, asset: str, blocking: bool = False, additional_deps: Sequence[str] = ()
) -> Callable[[Callable[..., Any]], Recipe]:
    """Declare a check of the asset of that name; its name is the function's."""

    def make(scope: Scope, function: Callable[..., Any]) -> dg.AssetChecksDefinition:
        deps = [scope.key(d) for d in additional_deps]
        return dg.asset_check(asset=scope.key(asset), blocking=blocking, additional_deps=deps)(function)

    return lambda function: Recipe(function, make)


def bound(function: Callable[..., Any], scope: Scope) -> Callable[..., Any]:
    """Return `function` with the resources and asset keys of a scope; a parameter `scope` is filled in."""
    signature = inspect.signature(function)
    ours = {scope.name(p): p for p in signature.parameters if p in RESOURCES}
    here = {p: name for name, p in ours.items()}
    filled = {"scope": scope} if "scope" in signature.parameters else {}

    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **{ours.get(k, k): v for k, v in kwargs.items()}, **filled)

    def each(*args: Any, **kwargs: Any) -> Iterator[Any]:
        for result in call(*args, **kwargs):
            yield _placed(result, scope)

    def one(*args: Any, **kwargs: Any) -> Any:
        return _placed(call(*args, **kwargs), scope)

    made = update_wrapper(each if inspect.isgeneratorfunction(function) else one, function)
    params = [p.replace(name=here.get(n, n)) for n, p in signature.parameters.items() if n not in filled]
    made.__signature__ = signature.replace(parameters=params)  # type: ignore[attr-defined]
    made.__annotations__ = {here.get(n, n): a for n, a in function.__annotations__.items() if n not in filled}
    return made


def _placed(result: Any, scope: Scope) -> Any:
    """Return a result with the key that its asset has in the scope."""
    named = isinstance(result, dg.MaterializeResult | dg.AssetCheckResult) and result.asset_key is not None
    return result._replace(asset_key=scope.key(result.asset_key.path[-1])) if named else result


def _alone(function: Callable[..., Any], scope: Scope, lock: str) -> Callable[..., Any]:
    """Return a step's function as one that waits while another process of this machine is in the same step of the home.

    So two runs on one home take turns also where the instance sets no limits; the kernel releases the lock of a process
    that ends, however it ends.
    """

    @contextmanager
    def held() -> Iterator[None]:
        with locked(scope.settings.home / "lake" / ".locks" / lock):
            yield

    def each(*args: Any, **kwargs: Any) -> Iterator[Any]:
        with held():
            yield from function(*args, **kwargs)

    def one(*args: Any, **kwargs: Any) -> Any:
        with held():
            return function(*args, **kwargs)

    made = update_wrapper(each if inspect.isgeneratorfunction(function) else one, function)
    made.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return made
