"""A thread that ends by an error must not end unheard."""

from collections.abc import Callable


def reporting(run: Callable[[], None], on_failure: Callable[[BaseException], None]) -> Callable[[], None]:
    """``run``, with whatever ends it given to ``on_failure`` first."""

    def guarded() -> None:
        try:
            run()
        except BaseException as error:
            on_failure(error)
            raise

    return guarded
