"""Pairs and the training loop, without scikit-learn."""

import pytest
import torch

from skmine import nn
from skmine.nn import pairs as pairs_module
from skmine.nn import training
from skmine.nn.pairs import choose_pairs, choose_valuing_pairs, score_in_chunks
from skmine.nn.steps import AdamW, BankWeights

BOUND = nn.DonskerVaradhan()


class Index(torch.nn.Module):
    """A critic that records the pairs: 100 i + j for row i of x and row j of y."""

    def forward(self, x, y):
        return 100 * x[..., 0] + y[..., 0]


def numbered(n, n_members=1):
    rows = torch.arange(float(n)).view(1, n, 1).expand(n_members, n, 1)
    return rows, rows


@pytest.mark.parametrize(("n", "group_size"), [(8, 4), (9, 4), (10, 3), (5, 8), (2, 2)])
def test_sampled_pairs__any_size__pairs_each_row_and_never_with_itself(n, group_size):
    joint, marginal, *_ = nn.SampledPairs(group_size)(Index(), *numbered(n))

    assert joint[0].tolist() == [101 * i for i in range(n)]
    first, second = marginal.flatten() // 100, marginal.flatten() % 100
    assert (first != second).all()
    assert set(first.int().tolist()) == set(range(n))


def test_sampled_pairs__weights__are_the_products_of_the_rows():
    weight = torch.arange(1.0, 9.0).view(1, 8)

    _, marginal, joint_weight, marginal_weight = nn.SampledPairs(4)(Index(), *numbered(8), weight)

    first, second = marginal // 100, marginal % 100
    torch.testing.assert_close(marginal_weight, (first + 1) * (second + 1))
    assert joint_weight is weight


def test_sampled_pairs__includes_joint__keeps_the_paired_row():
    joint, marginal, *_ = nn.SampledPairs(4, includes_joint=True)(Index(), *numbered(8))

    assert marginal.shape == (1, 8, 4)
    assert (marginal == joint.unsqueeze(-1)).sum(-1).tolist() == [[1] * 8]


def test_enumerated_pairs__classes__every_row_meets_every_class():
    probability = torch.tensor([0.25, 0.75])
    x = torch.randn(1, 5, 2, generator=torch.Generator().manual_seed(0))
    y = torch.eye(2)[[0, 1, 1, 0, 1]].unsqueeze(0)
    critic = nn.ClassCritic(2, 2, (4,), n_members=1, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        critic.layers[-1].weight.normal_(generator=torch.Generator().manual_seed(1))

    joint, marginal, _, weight = nn.EnumeratedPairs(probability)(critic, x, y)

    torch.testing.assert_close(joint[0], marginal[0].gather(1, y[0].argmax(1, keepdim=True))[:, 0])
    assert torch.equal(weight, probability)


def test_score_in_chunks__without_gradient__equals_one_pass(monkeypatch):
    monkeypatch.setattr(pairs_module, "_SCORES_A_CHUNK", 7)
    x, y = numbered(10, 2)

    with torch.no_grad():
        chunked = score_in_chunks(Index(), x.unsqueeze(2), y.unsqueeze(1).expand(2, 10, 10, 1))

    torch.testing.assert_close(chunked, Index()(x.unsqueeze(2), y.unsqueeze(1)))


@pytest.mark.parametrize("name", nn.BOUNDS)
def test_choose_pairs__bound__its_offset_and_whether_the_paired_row_stays(name):
    bound, probability = nn.BOUNDS[name](), torch.tensor([0.5, 0.5])

    sampled, enumerated = (choose_pairs(bound, law, 8) for law in (None, probability))

    assert sampled == nn.SampledPairs(8, includes_joint=name == "infonce", offset=bound.offset)
    assert isinstance(enumerated, nn.EnumeratedPairs)
    assert enumerated.offset == bound.offset
    assert choose_pairs(bound, None, 1).group_size == 2  # a row cannot meet itself


@pytest.mark.parametrize(("n_rows", "group_size"), [(50, 256), (256, 128), (2**14, 4)])
def test_choose_valuing_pairs__few_rows__larger_groups(n_rows, group_size):
    assert choose_valuing_pairs(BOUND, None, n_rows).group_size == group_size


def gaussian_rows(n=2000, rho=0.9):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, 1, generator=generator)
    return x, rho * x + (1 - rho**2) ** 0.5 * torch.randn(n, 1, generator=generator)


def run(max_iter=300, bound=BOUND, on_check=None, **options):
    x, y = gaussian_rows()
    rows = torch.arange(2000)
    train_rows, stopping = rows[:1600].expand(2, -1), rows[1600:].expand(2, -1)
    generator = torch.Generator().manual_seed(0)
    critic = nn.ConcatCritic(1, 1, (32, 32), n_members=2, generator=generator)
    result = nn.train(
        critic,
        x,
        y,
        train_rows,
        [stopping],
        bound=bound,
        pairs=nn.SampledPairs(4),
        stopping_pairs=nn.SampledPairs(16),
        max_iter=max_iter,
        generator=generator,
        on_check=on_check,
        **options,
    )
    return critic, result


def test_train__gaussian_pair__climbs_towards_the_truth():
    _, result = run(max_iter=600)

    values = [entry["held_out"] for entry in result.history]
    assert values[0] == 0  # an untrained critic
    # Truth 0.83 nats; sd of the log ratio 0.9, so 0.045 for 400 rows: three of them, and 0.1 for training.
    assert max(values) == pytest.approx(0.83, abs=0.235)


def test_train__best_state__is_the_best_value_seen():
    critic, result = run()
    x, y = gaussian_rows()
    stopping = torch.arange(1600, 2000).expand(2, -1)

    critic.load_state_dict(result.states[0], strict=False)
    with torch.no_grad():
        value = BOUND.estimate(*nn.SampledPairs(16)(critic, x[stopping], y[stopping]))

    assert float(value.mean()) >= max(entry["held_out"] for entry in result.history) - 1e-6
    assert result.best_iterations[0].shape == (2,)


def test_train__zero_iterations__leaves_the_critic_as_it_is():
    critic, result = run(max_iter=0)

    assert result.converged
    assert len(result.history) == 1
    assert all(
        torch.equal(value, dict(critic.named_parameters())[name]) for name, value in result.states[0].items()
    )


def test_train__nothing_to_gain__stops_early():
    # No rise can be this large, so the initial critic is returned after one wait.
    _, result = run(max_iter=3000, tol=10.0, n_iter_no_change=2)

    assert result.converged
    assert [entry["iteration"] for entry in result.history] == [0, 50, 100]


def test_train__max_iter_reached__has_not_converged():
    _, result = run(max_iter=70)

    assert not result.converged
    assert [entry["iteration"] for entry in result.history] == [0, 50, 70]


def test_train__interrupted__returns_the_best_so_far():
    def interrupt(entry):
        if entry["iteration"] == 100:
            raise KeyboardInterrupt

    _, result = run(on_check=interrupt)

    assert result.interrupted
    assert result.history[-1]["iteration"] == 100
    assert result.history[-1]["held_out"] > 0.1


def test_train__same_generator__same_bits():
    (_, first), (_, second) = run(), run()

    assert first.history[1:] == second.history[1:]


def test_train__user_model__can_minimise_information():
    """The two uses of MI as an objective need only these parts: here an encoder forgets a column."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 1000, 2, generator=generator)
    secret = x[..., :1]
    encoder = torch.nn.Parameter(torch.tensor([1.0, 1.0]))
    critic = nn.ConcatCritic(1, 1, (16,), n_members=1, generator=generator)
    bound, pairs = nn.MINE(), nn.SampledPairs(4)
    climb = torch.optim.Adam(critic.parameters(), lr=1e-2)
    descend = torch.optim.Adam([encoder], lr=1e-2)

    for _ in range(300):
        for optimiser, sign in ((climb, -1), (descend, 1)):
            noise = 0.1 * torch.randn(1, 1000, 1, generator=generator)
            code = (x * encoder).sum(-1, keepdim=True) / encoder.norm() + noise
            optimiser.zero_grad()
            (sign * bound.surrogate(*pairs(critic, secret, code))).sum().backward()
            optimiser.step()

    kept, forgotten = abs(encoder.detach()[1]), abs(encoder.detach()[0])
    assert forgotten < 0.3 * kept


def test_adamw__changing_rate_and_decay__follows_torch():
    start = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    ours, theirs = (start.clone().requires_grad_() for _ in range(2))
    optimiser = AdamW(ours.detach(), 0.1, 0.5)
    expected = torch.optim.AdamW([theirs], lr=0.1, weight_decay=0.5)

    for step in range(20):
        optimiser.learning_rate = expected.param_groups[0]["lr"] = 0.1 / (step + 1)
        optimiser.weight_decay = expected.param_groups[0]["weight_decay"] = 0.5 / (step + 1)
        (gradient,) = torch.autograd.grad(-(ours**4).sum(), [ours])
        optimiser.step(gradient)  # upwards
        expected.zero_grad()
        (theirs**4).sum().backward()
        expected.step()

    torch.testing.assert_close(ours, theirs)


def test_bank_weights__vector__is_what_the_parameters_are_views_of():
    bank = torch.nn.ParameterDict({"b": torch.ones(2, 3), "a": torch.zeros(2, 1)})
    bank["c"] = torch.nn.Parameter(torch.zeros(2), requires_grad=False)

    weights = BankWeights(bank)
    gradient = weights.gradient((bank["b"] ** 2).sum())
    weights.values += 1

    assert gradient.tolist() == [0.0] * 2 + [2.0] * 6
    assert bank["b"].tolist() == [[2.0] * 3] * 2
    assert bank["a"].tolist() == [[1.0]] * 2
    assert {name: tuple(part.shape) for name, part in weights.state(weights.values).items()} == {
        "a": (2, 1),
        "b": (2, 3),
    }


def test_bank_weights__two_dtypes__says_so():
    bank = torch.nn.ParameterList([torch.zeros(2, 3), torch.zeros(2, 1).double()])

    with pytest.raises(ValueError, match=r"one dtype; got torch\.float32, torch\.float64"):
        BankWeights(bank)


def test_train__ended__parameters_and_states_have_memories_of_their_own():
    critic, result = run(max_iter=50)

    for value in [*critic.parameters(), *(value for state in result.states for value in state.values())]:
        assert value.untyped_storage().nbytes() == value.numel() * value.element_size()


class Reading(torch.nn.Module):
    """A critic of squares, which can be computed in advance. Each pass over the original rows is recorded."""

    def __init__(self, d_y, read):
        super().__init__()
        self.network = nn.ConcatCritic(3, d_y, (8,), n_members=4, generator=torch.Generator().manual_seed(0))
        self.read = read

    def read_x(self, x):
        return x**2

    def read_y(self, y):
        return y**2

    def score(self, seen_x, seen_y):
        return self.network(seen_x, seen_y)

    def forward(self, x, y):
        self.read.append(x.shape)
        return self.score(self.read_x(x), self.read_y(y))


@pytest.mark.parametrize("classes", [False, True])
def test_train__rows_read_once_or_in_each_batch__climbs_alike(classes, monkeypatch):
    x = torch.randn(300, 3, generator=torch.Generator().manual_seed(0))
    y = torch.eye(3)[(x**2).argmax(1)] if classes else x
    pairs = choose_pairs(BOUND, torch.full((3,), 1 / 3) if classes else None, 4)
    rows = torch.arange(300).expand(4, -1)

    def values(most_read):
        monkeypatch.setattr(training, "_MOST_READ", most_read)
        read, generator = [], torch.Generator().manual_seed(0)
        critic = Reading(3, read)
        options = {"bound": BOUND, "pairs": pairs, "stopping_pairs": pairs, "max_iter": 20}
        options |= {"generator": generator, "average_decay": 0.5}
        result = nn.train(critic, x, y, rows[:, :200], [rows[:, 200:]], **options)
        return result.history[-1], read

    ahead, read_ahead = values(10**6)
    in_batches, read_in_batches = values(0)

    assert not read_ahead
    assert len(read_in_batches) >= 20
    assert ahead == pytest.approx(in_batches, abs=1e-4)
    assert abs(ahead["training"]) > 1e-3


@pytest.mark.parametrize("swapped", [False, True])
def test_score_in_chunks__rows_on_either_side__chunks_of_at_most_the_limit(swapped):
    sizes = []

    def critic(x, y):
        scores = (x * y).sum(-1)
        sizes.append(scores.numel())
        return scores

    x, y = torch.ones(2, 64, 32, 1, 1), torch.ones(2, 64, 1, 32, 1)

    with torch.no_grad():
        scores = score_in_chunks(critic, *((y, x) if swapped else (x, y)))

    assert scores.shape == (2, 64, 32, 32)
    assert len(sizes) == 2 * 64 * 32 * 32 / 2**13
    assert set(sizes) == {2**13}
