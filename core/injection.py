"""Patterns of attempts to take an assistant over: new orders, prompt extraction, forged roles and markers.

They look for orders to the assistant, not for words: "can I ignore the previous guideline?" is a question
about a guideline. They are a first filter; what keeps answers honest is that they are built from quotes.
"""

from __future__ import annotations

import re
import unicodedata

# Building blocks, used as {NAME} in the patterns. Line breaks and indents in them mean nothing.
BLOCKS = {
    # Where an order begins: a new clause, a courtesy, "you must ...". Not "can I ...", "how to ...".
    "ORDER": r"""(?:^|[.!?:;,>"'(\[\])*-]\s*|\b(?:please|now|and|then|just|first|also|kindly|simply|but|
        instead|so|ok|okay|hey|hi|hello|assistant|you|you must|you should|you can|you will|you to|
        your task is to|let's|lets)\s+)""",
    "FORMER": r"""(?:previous|prior|above|earlier|preceding|former|foregoing|initial|original|existing|
        current|old|your|system|given|programmed)""",
    "RULES": r"""(?:instructions?|rules?|prompts?|guidelines?|directions?|orders?|commands?|constraints?|
        restrictions?|limits?|limitations?|directives?|training|programming|context|safeguards?|filters?|
        guardrails?|messages?)""",
    "SECRET": r"""(?:system|hidden|secret|initial|original|internal|exact|full|entire|underlying|developer|
        confidential|real|own|first|pre)""",
    "TELL": r"""(?:print|show|reveal|repeat|output|display|tell|give|share|leak|expose|dump|recite|quote|
        write|say|copy|paste|return|list|summari[sz]e|translate|disclose|reproduce|describe|read|reply|
        respond|complete|spell|encode|what(?:'s| is| are| was| were))""",
    "COPY": r"(?:repeat|print|output|show|copy|write|recite|reproduce|return|summari[sz]e)",
    "MODE": r"""(?:developer|dev|debug|god|admin|maintenance|jailbreak|unrestricted|unfiltered|sudo|root|
        dan|evil|test)\s+mode""",
    "END": r"""\s*(?:[.?!,;:"')]|$|word for word|verbatim|in full|exactly|above|before|to me|
        in an?\s|into\s)""",
}

PATTERNS: dict[str, tuple[str, ...]] = {
    "override": (
        r"""{ORDER}(?:ignore|disregard|forget|override|bypass|discard|stop (?:following|obeying)|
            (?:do not|don't|never) (?:follow|obey))\s
            (?:(?:all|any|everything|of|the|these|those|this|my|and|other) ){0,4}
            (?:{FORMER} ){1,3}{RULES}""",
        r"""{ORDER}(?:ignore|disregard|forget|override) (?:all )?(?:of )?(?:the )?{RULES}\s
            (?:above|before|you)\b""",
        r"""{ORDER}(?:ignore|disregard|forget) (?:all|everything|anything|what(?:ever)?)\b
            .{0,20}\b(?:you|above|before|told|said)\b""",
        r"""{ORDER}(?:ignore|disregard|forget) (?:(?:all|any|the|your) )*
            (?:citations?|sources?|documents?|passages?)\b""",
        r"""\b(?:your|all) (?:{FORMER} )?{RULES} (?:no longer|do not apply|don't apply|
            (?:are|have been) (?:void|lifted|cancelled|removed|suspended|overridden))""",
        r"""(?:^|[.!?:>\]]\s*)(?:your )?new (?:task|{RULES})\s*
            (?::|from (?:the|your) (?:admin|developer|system|operator|owner))""",
        r"{ORDER}pretend (?:that )?(?:the|our|your|this|my)\b",
        r"{ORDER}(?:make (?:something|things|it|one) up|invent (?:something|an? (?:answer|source)))\b",
        r"\banswer from your own knowledge\b",
        r"\b(?:i|we) (?:order|command|instruct|hereby authori[sz]e) you\b",
        r"\bagree to (?:ignore|break|drop|bypass) your {RULES}",
        r"\b(?:ignorier\w*|vergiss|missachte\w*)\b.{0,30}\b(?:anweisung|instruktion|regel|vorgabe)\w*",
        r"""\b(?:ignor\w+|oubli\w+|olvid\w+)\b.{0,30}\b(?:instructions? (?:précédentes|ci-dessus)|
            instrucciones (?:anteriores|previas)|istruzioni precedenti)""",
    ),
    "extraction": (
        r"""\b{TELL}\b.{0,60}\b(?:your|the|its)\b (?:{SECRET} )*(?:system|developer|hidden|secret|initial)\s
            (?:prompt|message|instructions?)\b(?!.{0,20}\bwhen\b)""",
        r"\b{TELL}\b.{0,60}\byour (?:{SECRET} )*(?:prompts?|pre-?prompt|programming)\b",
        r"""\b{TELL}\b.{0,60}\byour (?:{SECRET} )*
            (?:instructions?|rules|guidelines|directives|configuration|settings){END}""",
        r"""\b(?:your|my) (?:{SECRET} )*(?:secret|hidden|system|internal|initial|developer)\s
            (?:{RULES}|configuration|settings)\b""",
        r"""\b(?:{RULES}|text) (?:that |which )?you (?:were|have been|got|have|received)\b
            .{0,12}\b(?:given|told|got|received|before|at|with|to follow)\b""",
        r"""\b(?:what|which) {RULES} (?:were|have|did) you (?:been )?
            (?:given|get|got|receive|received|told|follow)\b\s*(?:\?|$|before|initially|at the|in your)""",
        r"""{ORDER}{COPY}\b.{0,30}\b(?:everything|all|text|words?|lines?|content|conversation)\b
            .{0,30}\b(?:above|before this|preceding|up to here|so far)\b""",
        r"""{ORDER}{COPY}\b.{0,40}\b(?:start|beginning|top) of (?:this|the|our)\s
            (?:conversation|chat|context|prompt)""",
        r"(?:^|[.!?]\s*)(?:dump|print|reveal) (?:me )?(?:your )?(?:memory|weights|context window)",
    ),
    "role": (
        r"""\byou(?: are|'re) (?:now|going to be)\s
            (?:an?|the|my|in|acting|called|named|free|unrestricted|dan)\b""",
        r"\byou(?: are|'re) no longer (?:an?|bound|restricted|limited|required)\b",
        r"\bfrom (?:now|here) on,? you(?:'re|'ll|r)?\b",
        r"""{ORDER}(?:pretend|imagine|act|role-?play|behave|respond|answer|reply|speak|talk|write)\b.{0,20}\b
            (?:to be|that you(?: are|'re| were)|you(?: are|'re| were)|as (?:if|though) you|
            as (?:a|an|my|the)\b.{0,60}\b(?:no|without|who|never|any|evil|robot|pirate|hacker|grandmother|
            unrestricted|unfiltered|twin|ai|persona|character))\b""",
        r"\blet(?:'|\s)?s (?:play a (?:role-?play )?game|pretend|role-?play)\b",
        r"\bdo anything now\b|\bjail-?br(?:ea|o)k\w*",
        r"\bunrestricted (?:ai|assistant|twin|version|self|model|chat ?bot)\b",
        r"""\b(?:ai|model|bot|assistant|answer|reply|respond|speak|talk|act|game|pirate|robot)\b.{0,30}\b
            (?:without|with no|has no|no|free of)\b (?:(?:any|all|your|more) )?
            (?:filter|restriction|limit|censorship|rule|moral|ethic|guardrail)\w*""",
        r"\bi am (?:now )?your (?:developer|creator|owner|maker|programmer|master|boss|admin(?:istrator)?)\b",
        r"{ORDER}simulate (?:a|an|being)\b.{0,40}\b(?:terminal|shell|root|persona|ai|assistant)\b",
    ),
    "mode": (
        r"""{ORDER}(?:enter|enable|activate|engage|start|go (?:in)?to|switch (?:in)?to|turn on)\s
            (?:(?:the|your|into) )*{MODE}""",
        r"(?:^|[.!?:\]]\s*){MODE},? (?:is )?(?:now )?(?:on|enabled|activated|engaged)\b",
        r"\badmin(?:istrator)? override\b",
        r"""{ORDER}(?:disable|deactivate|turn off|switch off|remove|lift) (?:(?:all|any|the) )*
            (?:your|safety|ethical)(?: \w+)?\s
            (?:filters?|checks?|guardrails?|restrictions?|limits?|safeguards?|rules)""",
    ),
    "marker": (
        r"""<\|?\s*/?(?:im_start|im_end|im_sep|system|endoftext|assistant|begin_of_text|eot_id|
            start_header_id)\s*\|?>|\[/?inst\]|<</?sys>>""",
        r"</(?:context|documents?|instructions?|prompt|passages?|user)>",
        r"(?:^|[\"'])\s*\[?(?:system|developer)\]?\s*:|^\s*\[(?:system|developer)\]",
        r"#{2,}\s*(?:system|instructions?)\b",
        r"""\b(?:decode|decrypt|decipher|base64|rot13)\b.{0,60}\b
            (?:do what|execute|follow|obey|comply|run it|perform)""",
    ),
}

# "Do Anything Now", but neither Dan Miller nor the network of that name.
_PERSONA = re.compile(r"\b(?:you are|you're|as|be|become|hey|hello|hi|now),? DAN\b|\bDAN[,:]")
_TAGS = {code: code - 0xE0000 for code in range(0xE0020, 0xE007F)}  # invisible letters, used to hide orders
_QUOTES = {0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"'}
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\U000e0001\U000e007f]")
_SPACED = re.compile(r"\b(?:\w ){4,}\w\b")  # i g n o r e


def find_injection(text: str) -> str | None:
    """The kind of the attempt (override, extraction, role, mode, marker), or None."""
    seen = revealed(text)
    if _PERSONA.search(seen):
        return "role"
    return next((kind for kind, pattern in _COMPILED if pattern.search(seen)), None)


def revealed(text: str) -> str:
    """The text as the patterns read it: one Unicode form, nothing invisible, white space folded."""
    text = _INVISIBLE.sub("", text.translate(_TAGS))
    text = unicodedata.normalize("NFKC", text).translate(_QUOTES)
    text = _SPACED.sub(lambda match: match.group().replace(" ", ""), text)
    return re.sub(r"\s+", " ", text).strip()


def _compile(pattern: str) -> re.Pattern[str]:
    for name, block in BLOCKS.items():
        pattern = pattern.replace(f"{{{name}}}", block)
    return re.compile(re.sub(r"\n\s*", "", pattern), re.IGNORECASE)


_COMPILED = tuple((kind, _compile(pattern)) for kind, patterns in PATTERNS.items() for pattern in patterns)
