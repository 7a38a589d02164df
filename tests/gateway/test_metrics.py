from flowrun.chat.usage import Usage
from flowrun.gateway.metrics import Metrics


def lines(metrics: Metrics) -> set[str]:
    return set(metrics.body().decode().splitlines())


def test_a_completion_is_counted_by_model_and_status() -> None:
    metrics = Metrics()
    usage = Usage(input_tokens=10, cache_read_tokens=5, output_tokens=7)
    metrics.ended("fake/echo", 200, 0.02, usage=usage, units=1_500_000)
    metrics.ended("", 401, 0.001)
    found = lines(metrics)
    assert 'flowrun_requests_total{model="fake/echo",status="200"} 1.0' in found
    assert 'flowrun_requests_total{model="none",status="401"} 1.0' in found
    assert 'flowrun_tokens_total{kind="prompt",model="fake/echo"} 15.0' in found
    assert 'flowrun_tokens_total{kind="output",model="fake/echo"} 7.0' in found
    assert 'flowrun_credits_total{model="fake/echo"} 1.5' in found
    assert 'flowrun_request_seconds_bucket{le="0.025",model="fake/echo"} 1.0' in found


def test_what_is_under_way_is_counted_out_again_after_a_failure() -> None:
    metrics = Metrics()
    try:
        with metrics.asked():
            assert "flowrun_in_flight 1.0" in lines(metrics)
            raise KeyError
    except KeyError:
        pass
    assert "flowrun_in_flight 0.0" in lines(metrics)


def test_the_number_of_models_is_bounded() -> None:
    metrics = Metrics()
    for number in range(1000):
        metrics.ended(f"m/{number}", 200, 1)
    found = [line for line in lines(metrics) if line.startswith("flowrun_requests_total")]
    assert len(found) == 201
    assert 'flowrun_requests_total{model="other",status="200"} 800.0' in found


def test_servers_do_not_share_counters() -> None:
    Metrics().ended("a", 200, 1)
    assert not any("flowrun_requests_total{" in line for line in lines(Metrics()))


def test_no_series_tells_when_another_was_made() -> None:
    metrics = Metrics()
    metrics.ended("a", 200, 1)
    assert not any("_created" in line for line in lines(metrics))
