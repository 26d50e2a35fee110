__version__ = "0.1.0"

_PUBLIC = dict(load_model='training.checkpoints', push_to_hub='commands.publish')


def __getattr__(name):
    """`smaug.load_model(folder)` rebuilds any checkpoint, `smaug.push_to_hub(folder, repo_id)`
    publishes it; each is imported when it is first asked for."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'smaug' has no attribute {name!r}; it has "
                             f"{' and '.join(_PUBLIC)}")
    from importlib import import_module
    return getattr(import_module(f'smaug.{_PUBLIC[name]}'), name)
