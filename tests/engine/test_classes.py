"""Scores of classes: few columns that regressions predict instead of an indicator of each class."""

import torch
from blocks import make_folds, make_sample, normal_scores

from skmine._engine.classes import class_scores


def draw_classes(n, d, code_of, seed=0, weight=None):
    """A sample of d normal columns and the classes that a function of them and of noise returns."""
    generator = torch.Generator().manual_seed(seed)
    x, noise = (torch.randn(n, k, generator=generator) for k in (d, 1))
    one_hot = torch.nn.functional.one_hot(code_of(x, noise.squeeze(1))).float()
    return make_sample(normal_scores(x), one_hot, weight=weight, is_y_discrete=True)


def levels(x, noise):
    """Seven ordered levels of a smooth function of two columns."""
    value = torch.sin(1.5 * x[:, 0]) + x[:, 1] + 0.4 * noise
    return ((value + 3) / 0.9).long().clamp(0, 6)


def sectors(x, noise):
    """Three classes around the centre, which have no order."""
    angle = torch.atan2(x[:, 0] + 0.2 * noise, x[:, 1])
    return ((angle / torch.pi + 1) * 1.5).long().clamp(0, 2)


def test_class_scores__ordered_levels__have_one_score_in_their_order(seed):
    scores = class_scores(draw_classes(1000, 4, levels, seed))

    assert scores.shape == (7, 1)
    steps = scores.flatten().diff()
    assert (steps > 0).all() or (steps < 0).all()


def test_class_scores__classes_without_order__have_two_scores():
    scores = class_scores(draw_classes(1000, 3, sectors))

    assert scores.shape == (3, 2)
    distances = torch.pdist(scores)
    assert distances.min() > 0.7 * distances.max()


def test_class_scores__two_classes__an_indicator():
    scores = class_scores(draw_classes(200, 2, lambda x, noise: (x[:, 0] > noise).long()))

    assert scores.tolist() == [[1], [0]]


def test_class_scores__independent_classes__are_finite():
    scores = class_scores(draw_classes(300, 2, lambda x, noise: (2 + noise).long().clamp(0, 4)))

    assert len(scores) == 5
    assert scores.isfinite().all()


def test_class_scores__rows_without_weight__do_not_count():
    weight = (torch.arange(1600) < 800).float()

    def levels_or_noise(x, noise):
        return torch.where(weight > 0, levels(x, noise), (3 + 2 * noise).long().clamp(0, 6))

    scores = class_scores(draw_classes(1600, 4, levels_or_noise, weight=weight))

    steps = scores.flatten().diff()
    assert scores.shape == (7, 1)
    assert (steps > 0).all() or (steps < 0).all()


def test_class_scores__groups__their_rows_do_not_predict_each_other():
    generator = torch.Generator().manual_seed(0)
    x, noise = (torch.randn(300, k, generator=generator).repeat_interleave(5, 0) for k in (2, 1))
    x = x + 0.01 * torch.randn(1500, 2, generator=generator)
    one_hot = torch.nn.functional.one_hot(levels(x, noise.squeeze(1))).float()
    folds = make_folds(1500, 4, torch.arange(1500) // 5)

    scores = class_scores(make_sample(normal_scores(x), one_hot, folds, is_y_discrete=True))

    # Predictions that knew rows of the same group would need a score for nearly every level.
    assert scores.shape[1] <= 2
    middle = scores[1:-1, 0].diff()
    assert (middle > 0).all() or (middle < 0).all()


def test_class_scores__whoever_asks_first__are_those_of_the_first_member():
    expected = class_scores(draw_classes(300, 3, sectors))
    sample = draw_classes(300, 3, sectors)

    assert class_scores(sample.others) is class_scores(sample.first)
    torch.testing.assert_close(class_scores(sample), expected, atol=0, rtol=0)
