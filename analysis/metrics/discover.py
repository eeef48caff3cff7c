"""Find every declared metric: the ``METRICS`` of each module of this folder."""

import pkgutil
from importlib import import_module

import analysis.metrics
from analysis.metrics.base import Metric


def metrics() -> tuple[Metric, ...]:
    """Return all metrics, by module and in the order of their declaration.

    >>> "gini_index" in {metric.name for metric in metrics()}
    True
    """
    modules = (
        import_module(f"analysis.metrics.{found.name}") for found in pkgutil.iter_modules(analysis.metrics.__path__)
    )
    return tuple(metric for module in modules for metric in getattr(module, "METRICS", ()))
