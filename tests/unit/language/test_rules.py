"""The numbered rules under *Exactly*, as far as reading the text settles them; each test is named after its rule."""

from __future__ import annotations

from decimal import Decimal

from tests.unit.language.shop import flow_of, refused, said, sound, steps_of

from tamshy.domain.duration import Duration
from tamshy.language import parse_duration, read_workspace
from tamshy.language.model import (
    Clause,
    EventTrigger,
    MessageKind,
    Operator,
    PropertyTest,
    Reentry,
    ReentryKind,
    Settings,
    Test,
    TopicDefault,
    WaitUntilMoment,
)


def test_rule_11_joined_durations_keep_calendar_and_elapsed_parts_apart() -> None:
    assert parse_duration("1d12h") == Duration(days=1, seconds=43_200)
    assert parse_duration("36h") == Duration(seconds=129_600)


def test_rule_11_an_offset_may_be_negative_and_nothing_else_may() -> None:
    (step,) = steps_of("[{wait: {until: event.at, offset: -1d12h}}]")
    assert isinstance(step, WaitUntilMoment)
    assert step.offset == Duration(days=-1, seconds=-43_200)
    assert refused("[{wait: -1d}]") == ["flows/cart.yaml:2:16: 'wait' must be a duration of 0s or more"]


def test_rule_11_an_unknown_zone_is_refused_in_the_workspace_s_text() -> None:
    assert refused("[{wait: {until: 10:00, zone: Mars/Base}}]") == [
        "flows/cart.yaml:2:37: unknown time zone 'Mars/Base'; names are as in Asia/Almaty"
    ]


def test_rule_12_the_key_comes_from_the_event() -> None:
    assert str(flow_of("trigger: {event: E}\nper: event.cart.id\nsteps: []\n").per) == "event.cart.id"


def test_rule_13_once_is_the_default_of_reentry() -> None:
    assert flow_of("trigger: {event: E}\nsteps: []\n").reentry == Reentry(ReentryKind.ONCE)


def test_rule_16_numeric_text_is_text_and_numbers_keep_their_digits() -> None:
    audience = flow_of('trigger: {event: E}\naudience: {event.a: {in: [10, "10", 10.0]}}\nsteps: []\n').audience
    assert isinstance(audience, PropertyTest)
    assert audience.test == Test((Clause(Operator.IN, (10, "10", Decimal("10.0"))),))


def test_rule_16_text_is_in_nfc() -> None:
    flow = flow_of('trigger: {event: "Cafe\\u0301"}\nsteps: []\n')
    (trigger,) = flow.triggers
    assert isinstance(trigger, EventTrigger)
    assert trigger.event == "Caf\u00e9"


def test_rule_18_one_behaviour_verb_in_a_mapping() -> None:
    flow = "trigger: {event: E}\naudience: {did: A, opened: any}\nsteps: []\n"
    assert said({"flows/cart.yaml": flow}) == [
        "flows/cart.yaml:2:20: 'opened' beside 'did': one of them in a mapping; put them into a list, each in its own"
    ]


def test_rule_20_duplicate_keys_anchors_and_tags_are_refused() -> None:
    flow = "trigger: &t {event: E}\nsteps: !x []\nsteps: []\n"
    assert said({"flows/cart.yaml": flow}) == [
        "flows/cart.yaml:1:10: the anchor '&t' is not taken; write it out where it is used",
        "flows/cart.yaml:2:8: the tag '!x' is not taken; write plain values",
        "flows/cart.yaml:3:1: the key 'steps' stands here already, in line 2",
    ]


def test_rule_20_ids_are_unique_in_a_flow_and_free_in_another() -> None:
    flow = "trigger: {event: E}\nsteps: [{id: a, wait: 1d}, {id: a, wait: 2d}]\n"
    assert said({"flows/cart.yaml": flow}) == [
        "flows/cart.yaml:2:33: the step id 'a' is used already in line 2; give one of the two an 'id' of its own"
    ]
    one = "trigger: {event: E}\nsteps: [{id: a, wait: 1d}]\n"
    assert said({"flows/cart.yaml": one, "flows/b.yaml": one}) == []


def test_rule_23_a_topic_is_opt_in_when_it_says_nothing_and_the_first_is_the_workspace_s() -> None:
    topics = sound({"tamshy.yaml": "topics: {offers: {}, news: {default: opt_out}}\n"}).settings.topics
    assert [(topic.name, topic.default) for topic in topics] == [
        ("offers", TopicDefault.OPT_IN),
        ("news", TopicDefault.OPT_OUT),
    ]


def test_rule_24_none_given_no_caps_no_quiet_hours_no_holdout() -> None:
    settings = read_workspace({"tamshy.yaml": "name: x\n"})[0].settings
    assert (settings.caps, settings.quiet_hours, settings.holdout) == ((), None, Decimal(0))
    assert settings == Settings(name="x")


def test_rule_26_a_bare_name_is_a_step_of_this_flow() -> None:
    assert refused("[{send: hello, id: first}, {branch: [{if: {opened: hello}, steps: []}]}]") == [
        "flows/cart.yaml:2:59: unknown step 'hello' in this flow (did you mean 'message/hello'?)"
    ]


def test_rule_28_exits_and_conversions_take_one_or_a_list() -> None:
    one = flow_of("trigger: {event: E}\nexit_on: {event: A}\nconversion: {event: A}\nsteps: []\n")
    many = flow_of("trigger: {event: E}\nexit_on: [{event: A}]\nconversion: [{event: A}]\nsteps: []\n")
    assert (one.exit_on, one.conversion) == (many.exit_on, many.conversion)


def test_rule_35_an_address_has_a_dot_in_its_domain() -> None:
    assert said({"messages/hello/message.yaml": "subject: {en: Hi}\nreply_to: help@localhost\n"}) == [
        (
            "messages/hello/message.yaml:2:11: 'reply_to' must be an address such as Shop <hello@shop.example>, "
            "not 'help@localhost'"
        )
    ]


def test_rule_37_profiles_merge_by_user_id_unless_more_is_listed() -> None:
    assert Settings().merge_on == {"user_id"}


def test_deciding_a_message_is_marketing_unless_it_says_transactional() -> None:
    assert sound().messages["hello"].kind is MessageKind.MARKETING
