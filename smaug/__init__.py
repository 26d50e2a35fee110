__version__ = "0.1.0"


def __getattr__(name):
    "`smaug.load_model(folder)` rebuilds any checkpoint; it is imported when it is first asked for."
    if name != 'load_model':
        raise AttributeError(f"module 'smaug' has no attribute {name!r}; it has load_model")
    from .training.checkpoints import load_model
    return load_model
