"""Which language a text is in, by the words that every sentence needs. Pure."""

import re

_LONGEST_READ = 1_000
_WORD = re.compile(r"[^\W\d_]+")
_FUNCTION_WORDS = {
    "es": (
        "el la los las un una y o de del en con por para que "
        "se no su sus al le lo es fue como más pero sobre sin"
    ),
    "en": (
        "the a an and or of in on with by for to that is was "
        "were he she they his her their as but about not at it"
    ),
    "pt": (
        "o a os as um uma e ou de do da em no na com por para que "
        "se não seu sua ao lhe é foi como mais mas sobre sem"
    ),
    "fr": (
        "le la les un une et ou de du des en dans avec par pour "
        "que qui se ne pas son sa ses au est il elle mais sur"
    ),
    "it": (
        "il lo la i gli le un una e o di del della in con per "
        "che si non suo sua al è ha come più ma su sono da nel"
    ),
    "de": (
        "der die das ein eine und oder von in mit für zu dass "
        "ist war er sie es sich nicht sein ihr als aber über im"
    ),
}
_OF_LANGUAGE = {language: frozenset(words.split()) for language, words in _FUNCTION_WORDS.items()}
LANGUAGES = frozenset(_OF_LANGUAGE)


def language_of(text: str) -> str | None:
    """Return the language of most of a text's function words; None if no one language is ahead."""
    words = _WORD.findall(text[:_LONGEST_READ].lower())
    counts = {language: sum(map(known.__contains__, words)) for language, known in _OF_LANGUAGE.items()}
    most = max(counts.values())
    ahead = [language for language, count in counts.items() if count == most]
    return ahead[0] if most and len(ahead) == 1 else None
