"""Every kind of message, described for the agent in Spanish."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.vendors.twilio.inbound import body_of, media_of, params_of
from local.vendors.twilio.messages import Message, now
from rules.inbound import described, quoted_sid
from schemas.errors import InvalidNumber
from schemas.phone import conversation_key

PLACE = {"latitude": 4.6, "longitude": -74.1, "label": "Casa"}
ADVERT = {"ReferralHeadline": "Plan Premium"}
FORM = {"FlowData": '{"fecha": "mañana", "personas": 2}'}


def posted(**wanted: object) -> dict[str, str]:
    """The parameters with which the simulated Twilio posts a message."""
    message = Message(
        sid="SM1",
        account="AC0",
        to="whatsapp:+1",
        from_="whatsapp:+573138539155",
        body=body_of(wanted),
        direction="inbound",
        status="received",
        created=now(),
        media=media_of(wanted),
    )
    return params_of(message, wanted, "https://api.twilio.com")


def file(content_type: str) -> list[dict[str, str]]:
    return [{"content_type": content_type, "text": "x"}]


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ({"body": "Hola"}, "Hola"),
        ({"button": {"text": "Sí, claro", "payload": "yes"}}, "Sí, claro"),
        ({"list": {"id": "plan_2", "title": "Plan Premium"}}, "Plan Premium"),
        ({"body": "mira", "media": file("image/jpeg")}, "[El cliente envió una imagen]\nmira"),
        ({"media": file("audio/ogg; codecs=opus")}, "[El cliente envió un mensaje de voz]"),
        ({"media": file("video/mp4")}, "[El cliente envió un video]"),
        ({"media": file("application/pdf")}, "[El cliente envió un documento PDF]"),
        (
            {"media": file("application/msword"), "body": "contrato.doc"},
            "[El cliente envió un documento]\ncontrato.doc",
        ),
        ({"media": file("image/webp"), "type": "sticker"}, "[El cliente envió un sticker]"),
        ({"contacts": [{"name": "Luz", "phone": "+57"}]}, "[El cliente envió un contacto]"),
        ({"media": file("x-world/x-3dmf")}, "[El cliente envió un archivo]"),
        ({"location": PLACE}, "[El cliente envió su ubicación: Casa (4.6, -74.1)]"),
        ({"reaction": {"emoji": "👍", "sid": "SM0"}}, "[El cliente reaccionó con 👍]"),
        ({"reaction": {"emoji": "", "sid": "SM0"}}, "[El cliente quitó su reacción]"),
        ({"type": "unsupported"}, "[El cliente envió un mensaje de un tipo que no se puede mostrar]"),
        (
            {"type": "edited", "body": "las 5, no las 4"},
            "[El cliente corrigió un mensaje anterior:]\nlas 5, no las 4",
        ),
        ({"type": "deleted"}, "[El cliente borró un mensaje]"),
        ({"body": "lee esto", "forwarded": True}, "[Mensaje reenviado por el cliente]\nlee esto"),
        ({"body": "info", "extra": ADVERT}, "[El cliente escribe desde el anuncio «Plan Premium»]\ninfo"),
        ({"extra": FORM}, "[El cliente llenó un formulario: fecha: mañana; personas: 2]"),
        ({"extra": {"FlowData": "{"}}, "[El cliente envió un mensaje de un tipo que no se puede mostrar]"),
    ],
)
def test_each_kind_is_described(wanted: dict[str, object], text: str) -> None:
    assert described(posted(**wanted)) == text


def test_several_files_are_each_named() -> None:
    text = described(posted(media=[*file("image/jpeg"), *file("application/pdf")], body="todo"))
    assert text == "[El cliente envió una imagen]\n[El cliente envió un documento PDF]\ntodo"


def test_a_quote_is_noticed() -> None:
    assert quoted_sid(posted(body="sí", quote="SM0")) == "SM0"
    assert quoted_sid(posted(body="sí")) is None


@given(
    st.dictionaries(
        st.sampled_from(["Body", "NumMedia", "MediaContentType0", "FlowData", "MessageType", "Latitude"]),
        st.text(),
    )
)
def test_no_parameters_break_it(params: dict[str, str]) -> None:
    assert described(params)


def test_a_person_without_a_number_is_a_conversation_of_its_own_kind() -> None:
    assert conversation_key("whatsapp:ID.4566546130240823") == "ID.4566546130240823"
    assert conversation_key("US.ENT.11815799212886844830") == "US.ENT.11815799212886844830"
    assert conversation_key("US." + "1" * 47) == "US." + "1" * 47


def test_an_id_that_is_longer_than_the_contracts_column_has_a_key_that_fits() -> None:
    longest, other = "US." + "a" * 128, "US." + "a" * 127 + "b"
    key = conversation_key(f"whatsapp:{longest}")
    assert (len(key), key[:4]) == (50, "US.~")
    assert key == conversation_key(longest) == conversation_key(key) == conversation_key(f"whatsapp:{key}")
    assert key != conversation_key(other)
    for wrong in (longest + "a", "US.~" + "f" * 45, "US.~" + "f" * 47, "US.~" + "g" * 46):
        with pytest.raises(InvalidNumber):
            conversation_key(wrong)
