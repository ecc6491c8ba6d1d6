"""Whether Spark can be asked here; where everything is required, what lacks is a failure."""

from hongshu.analytics.spark import find_java
from hongshu.errors import SetupError
from needed import leave_out


def needs_spark() -> None:
    """Skip, or fail where everything is required, without PySpark or Java."""
    why = _lacking()
    if why:
        leave_out(why)


def _lacking() -> str:
    try:
        import pyspark  # noqa: F401, PLC0415 - whether it is there is the question

        find_java()
    except ImportError:
        return "the extra `spark` is not installed"
    except SetupError as error:
        return error.message
    return ""
