"""A template in the words of the model: every number is the template's own, and what the model refuses has its place."""

from pathlib import Path

import pytest

from lambdacourse import Account, Alarm, constant, poisson, steady
from lambdacourse.model import Async, FifoQueue, KinesisStream, SqsQueue, Sync, TargetTracking
from lambdacourse.network import S3, reach
from lambdacourse.templates import TemplateError, read, simulate_template

HERE = Path(__file__).parent
API, WORKER = HERE / "samples" / "api.yaml", HERE / "samples" / "worker.yaml"
RULES = HERE / "rules"


@pytest.fixture
def template(tmp_path):
    """A file with the given text under ``Resources:``, around a plain function F."""

    def write(text, more=""):
        function = f"""Resources:
  F:
    Type: AWS::Lambda::Function
    Properties: {{Runtime: nodejs24.x, Handler: a.b, Role: "arn:aws:iam::123456789012:role/worker"{more}}}
"""
        file = tmp_path / "template.yaml"
        file.write_text(function + text, encoding="utf-8")
        return file

    return write


def test_worker():
    """The queue worker: function, queue with redrive, mapping, each with what the template says and AWS's defaults."""
    deployment = read(WORKER, {"Orders": poisson(100)}, {"Worker": 0.4})
    worker, orders, mapping = deployment.functions["Worker"], deployment.sources["Orders"], deployment.mappings["FromOrders"]
    assert (worker.memory_mb, worker.timeout, worker.reserved_concurrency, worker.duration) == (1024, 30, 50, constant(0.4))
    assert isinstance(orders, SqsQueue) and orders.traffic == poisson(100)
    assert (orders.visibility_timeout, orders.max_receive_count, orders.retention) == (185, 5, 345_600)
    assert mapping.function is worker and mapping.source is orders
    assert (mapping.batch_size, mapping.batching_window, mapping.maximum_concurrency) == (10, 5, 50)
    assert mapping.report_batch_item_failures and deployment.triggers == (mapping,)


def test_api_with_provisioned_concurrency_and_auto_scaling():
    """The SAM API: Globals, the alias's provisioned concurrency, its scaling, and an API that calls the alias."""
    deployment = read(API, {"Catalogue": poisson(100)}, {"Catalogue": 0.2})
    catalogue = deployment.functions["Catalogue"]
    assert (catalogue.memory_mb, catalogue.timeout, catalogue.architecture) == (512, 10, "arm64")
    assert (catalogue.reserved_concurrency, catalogue.provisioned_concurrency) == (200, 20)
    assert catalogue.provisioned_scaling == (TargetTracking(minimum=20, maximum=100, target=0.7),)
    assert deployment.triggers == (Sync(catalogue, poisson(100), via="api_gateway_rest", qualifier=None),)
    test_stage = read(API, parameters={"Stage": "test"}).functions["Catalogue"]
    assert test_stage.provisioned_concurrency == 1 and test_stage.provisioned_scaling[0].minimum == 1


@pytest.mark.parametrize(
    ("name", "qualifier"), [("latest-misses-provisioned", "$LATEST"), ("latest-misses-provisioned.mended", None)]
)
def test_mapping_keeps_its_qualifier(name, qualifier):
    """A mapping to the function itself polls for $LATEST, one to the alias for what is provisioned."""
    deployment = read(RULES / f"{name}.yaml")
    assert deployment.mappings["Mapping"].qualifier == qualifier
    assert deployment.functions["Worker"].provisioned_concurrency == 100


def test_stream(template):
    """A Kinesis stream and its mapping, with every setting of streams."""
    file = template("""
  Clicks: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 4, RetentionPeriodHours: 48}}
  M:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref F
      EventSourceArn: !GetAtt Clicks.Arn
      StartingPosition: LATEST
      BatchSize: 200
      ParallelizationFactor: 2
      MaximumRetryAttempts: 3
      MaximumRecordAgeInSeconds: 3600
      BisectBatchOnFunctionError: true
      DestinationConfig: {OnFailure: {Destination: !GetAtt Failed.Arn}}
  Failed: {Type: AWS::SQS::Queue}
""")
    deployment = read(file)
    clicks, mapping = deployment.sources["Clicks"], deployment.mappings["M"]
    assert isinstance(clicks, KinesisStream) and (clicks.shards, clicks.retention) == (4, 48 * 3_600)
    assert (mapping.batch_size, mapping.parallelization_factor, mapping.starting_position) == (200, 2, "LATEST")
    assert (mapping.maximum_retry_attempts, mapping.maximum_record_age) == (3, 3_600)
    assert mapping.bisect_batch_on_function_error and mapping.on_failure == "Failed"


def test_fifo_and_provisioned_pollers(template):
    """A FIFO queue is one; provisioned pollers are read; a switched-off mapping is left out, and said so."""
    file = template("""
  Fifo: {Type: AWS::SQS::Queue, Properties: {FifoQueue: true}}
  Orders: {Type: AWS::SQS::Queue}
  Off: {Type: AWS::Lambda::EventSourceMapping, Properties: {FunctionName: !Ref F, EventSourceArn: !GetAtt Fifo.Arn, Enabled: false}}
  On:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {FunctionName: !Ref F, EventSourceArn: !GetAtt Orders.Arn, ProvisionedPollerConfig: {MinimumPollers: 5, MaximumPollers: 9}}
""")
    deployment = read(file)
    assert isinstance(deployment.sources["Fifo"], FifoQueue) and list(deployment.mappings) == ["On"]
    assert (deployment.mappings["On"].minimum_pollers, deployment.mappings["On"].maximum_pollers) == (5, 9)
    assert any("Off" in sentence and "switched off" in sentence for sentence in deployment.left_out)


@pytest.mark.parametrize(("name", "on_failure"), [("failed-events-lost", None), ("failed-events-lost.mended", "Dead")])
def test_asynchronous_traffic_comes_through_the_event_rule(name, on_failure):
    """Traffic of a function that an event rule invokes is asynchronous; its failures go where the template sends them."""
    (trigger,) = read(RULES / f"{name}.yaml", {"Worker": steady(1)}).triggers
    assert isinstance(trigger, Async) and trigger.on_failure == on_failure


def test_settings_of_asynchronous_invocation(template):
    """Retries, age and destination of an EventInvokeConfig."""
    file = template("""
  Topic: {Type: AWS::SNS::Topic}
  Told: {Type: AWS::SNS::Subscription, Properties: {Protocol: lambda, TopicArn: !Ref Topic, Endpoint: !GetAtt F.Arn}}
  Config:
    Type: AWS::Lambda::EventInvokeConfig
    Properties:
      FunctionName: !Ref F
      Qualifier: $LATEST
      MaximumRetryAttempts: 1
      MaximumEventAgeInSeconds: 3600
      DestinationConfig: {OnFailure: {Destination: !Ref Failed}}
  Failed: {Type: AWS::SNS::Topic}
""")
    (trigger,) = read(file, {"F": poisson(1)}).triggers
    assert (trigger.maximum_retry_attempts, trigger.maximum_event_age, trigger.on_failure) == (1, 3_600, "Failed")


def test_alarms():
    """An alarm on a function's metric is one on the run's; one on a queue that no run has figures of is left out, and said so."""
    (alarm,) = read(API).alarms.values()
    expected = Alarm("Throttles", "Sum", 60, 1, 0, ">", treat_missing="notBreaching", resource="Catalogue")
    assert alarm == expected
    assert read(RULES / "region-metric-with-dimension.mended.yaml").alarms["Alarm"].resource == "account"
    worker = read(WORKER)
    assert not worker.alarms and any("SomethingFailed" in sentence for sentence in worker.left_out)


@pytest.mark.parametrize(
    ("name", "reached"),
    [
        ("public-subnet", False),
        ("public-subnet.mended", True),
        ("no-way-out", False),
        ("no-way-out.mended", True),
        ("endpoint-without-route", False),
        ("endpoint-without-route.mended", True),
    ],
)
def test_vpc_reaches_what_the_network_room_says(name, reached):
    """The VPC of a template, asked by the network room: S3 is reached exactly where the rules find nothing."""
    assert reach(read(RULES / f"{name}.yaml").vpcs["Worker"], S3).reaches == reached


@pytest.mark.parametrize(
    ("name", "place", "words"),
    [
        ("tumbling-window-factor", "line 15, column 3", "the factor must be 1"),
        ("batch-needs-window", "line 20, column 3", "window of at least 1 s"),
        ("maximum-concurrency-with-pollers", "line 20, column 3", "not both"),
        ("provisioned-above-reserved", "line 2, column 3", "must not be above the reserved concurrency"),
        ("scaling-without-start", "line 2, column 3", "an initial value must be set"),
    ],
)
def test_what_aws_refuses_is_refused_with_its_place(name, place, words):
    """What the model refuses in AWS's name is a TemplateError that names the file, the resource's place, and AWS's rule."""
    with pytest.raises(TemplateError) as caught:
        read(RULES / f"{name}.yaml")
    assert place in str(caught.value) and words in str(caught.value) and f"{name}.yaml" in str(caught.value)
    read(RULES / f"{name}.mended.yaml")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (({"Ordres": poisson(1)}, {}), "traffic='Ordres'"),
        (({}, {"Worker2": 1}), "durations='Worker2'"),
        (({"Failed": poisson(1)}, {"Orders": 1}), "durations='Orders'"),
    ],
)
def test_unknown_names_are_told(arguments, words):
    """A name that the template does not have is told, with those that it has."""
    with pytest.raises(TemplateError, match=words):
        read(WORKER, *arguments)


def test_durations_must_be_given_for_what_has_traffic():
    """Nothing is simulated with a duration that nobody gave; without traffic, none is needed."""
    with pytest.raises(TemplateError, match="Catalogue"):
        simulate_template(API, {"Catalogue": poisson(10)}, {})
    assert simulate_template(API, {}, {}, seconds=60)["Catalogue"].arrivals == 0


def test_values_that_are_not_in_the_file_are_told(template):
    """A memory that only a parameter without a default has takes AWS's default, and a sentence says so."""
    deployment = read(template("Parameters: {M: {Type: Number}}\n", ", MemorySize: !Ref M"))
    assert deployment.functions["F"].memory_mb == 128 and any("MemorySize" in sentence for sentence in deployment.left_out)


# Under load


def test_api_simulated():
    """The sample API at 100 rps of 0.3 s: Little's law, nobody turned away, scaled to 30 / 0.7, hardly a cold start."""
    run = simulate_template(API, {"Catalogue": poisson(100)}, {"Catalogue": 0.3}, seconds=1_800, warm_up=600, seed=1)
    catalogue = run["Catalogue"]
    assert catalogue.mean_concurrency == pytest.approx(100 * 0.3, rel=0.02)
    assert catalogue.throttles == 0 and catalogue.cold_start_rate < 0.001


def test_the_alias_serves_from_provisioned_concurrency_and_latest_does_not(template):
    """The same API, once calling the alias and once the function: with 60 provisioned for 30 busy, only the second starts cold."""
    text = """
  V: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref F}}
  Live:
    Type: AWS::Lambda::Alias
    Properties: {FunctionName: !Ref F, FunctionVersion: !GetAtt V.Version, Name: live, ProvisionedConcurrencyConfig: {ProvisionedConcurrentExecutions: 60}}
  Call: {Type: AWS::ApiGateway::Method, Properties: {Integration: {Uri: !Sub "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${CALLED}/invocations"}}}
"""
    cold = {}
    for called in ("Live", "F.Arn"):
        run = simulate_template(template(text.replace("CALLED", called)), {"F": steady(100)}, {"F": 0.3}, seconds=60)
        cold[called] = run["F"].cold_starts
    assert cold["Live"] == 0 and cold["F.Arn"] >= 30


def test_reservation_of_a_template_throttles():
    """A template's reservation is the limit in the run: 50 are reserved for 100 busy, so about half is turned away (Erlang B)."""
    mended = RULES / "reserved-too-high.mended.yaml"
    run = simulate_template(
        mended, {"Other": poisson(800)}, {"Other": 1.0}, seconds=120, warm_up=60, account=Account(concurrency_limit=1_000)
    )
    assert run["Other"].peak_concurrency == 400
    assert run["Other"].throttle_rate == pytest.approx(0.5, abs=0.02)


def test_worker_simulated():
    """The sample worker at 100 messages/s: nothing dies, every message is somewhere, Little's law for its batches of 0.4 s."""
    run = simulate_template(WORKER, {"Orders": poisson(100)}, {"Worker": 0.4}, seconds=600, seed=1)
    orders, worker = run["Orders"], run["Worker"]
    assert orders.dead_lettered == orders.expired == 0
    assert orders.sent == orders.deleted + orders.in_flight + orders.visible
    assert orders.deleted > 0.97 * orders.sent and worker.peak_concurrency <= 50
    assert worker.mean_concurrency == pytest.approx(worker.invocations / 600 * 0.4, rel=0.02)


def test_stream_simulated():
    """A template's stream at 200 records/s: every record is processed or pending, none given up, Little's law for its batches."""
    run = simulate_template(RULES / "poison-record.mended.yaml", {"Clicks": poisson(200)}, {"Worker": 0.2}, seconds=120, seed=1)
    clicks, worker = run["Clicks"], run["Worker"]
    assert clicks.sent == clicks.processed + clicks.pending and clicks.dropped == 0
    assert clicks.processed > 0.97 * clicks.sent
    assert worker.mean_concurrency == pytest.approx(worker.invocations / 120 * 0.2, rel=0.02)
