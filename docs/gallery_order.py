"""The order of the gallery: from the first question of a user to the last. New examples come last."""

_ORDER = [
    "first_look",
    "rank_features",
    "mixed_table",
    "what_mi_is",
    "drop_in",
    "matrix",
    "pointwise",
    "independence_test",
    "missing_values",
    "how_sure",
    "model_information",
    "text_embeddings",
    "convergence",
    "known_answer",
    "conditional",
    "selection_path",
    "choose_k",
    "interactions",
    "stability",
    "time_series",
    "text_pipeline",
    "one_hot_groups",
    "mnist_pixels",
    "bottleneck",
    "mode_collapse",
    "own_torch_model",
    "larger_than_memory",
]


class ByQuestion:
    """Sort key of sphinx-gallery."""

    def __init__(self, src_dir):
        pass

    def __call__(self, filename):
        name = filename.removeprefix("plot_").removesuffix(".py")
        return (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)
