# ruff: noqa: E501 (patterns are easier to check in one piece)
"""Patterns of attempts to take an assistant over: new orders, prompt extraction, forged roles and markers.

They look for orders to the assistant, not for words: "can I ignore the previous guideline?" is a question
about a guideline. They are a first filter; what keeps answers honest is that they are built from quotes.
"""

from __future__ import annotations

import re
from functools import lru_cache

from core import injection_model
from core.disguises import readings
from core.injection_languages import OTHER_LANGUAGES

# Building blocks, used as {NAME} in the patterns. Line breaks and indents in them mean nothing.
BLOCKS = {
    # Where an order begins: a new clause, a courtesy, "you must ...". Not "can I ...", "how to ...".
    "ORDER": r"""(?:^|[.!?:;,>"'(\[\])*-]\s*|\b(?:please|now|and|then|just|first|also|kindly|simply|but|
        instead|so|ok|okay|hey|hi|hello|assistant|you|you must|you should|you can|you will|you to|
        your task is to|let's|lets)\s+)""",
    "CLAUSE": r"""(?:^|[.!?:;,>"'(\[\])*-]\s*(?:and |but |then |also |next |now |finally |in addition |please |
        assistant |first )?,?\s?)""",
    "NOT_A_QUESTION": r"""(?!(?:what|which|who|whom|whose|when|where|why|how|is|are|was|were|do|does|did|can|could|may|
        might|must|should|shall|will|would|has|have|had|if|in|on|at|for|the|a|an|our|my|we|i|i'm|it|this|that|there|
        thanks|thank|as|with|according|compare|list|tell|show|summari[sz]e|give|share|explain|describe|send|find|
        sorry|hi|hello|from|under|during|after|before|since|while|because|and|or|so|also|any|are|no|not|to|by|of|
        these|those|some|all|your|whats|what's|hows|got|does|which|need|want|wondering|looking|am|im|your|you|name)\b)""",
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
    "CREDENTIALS": r"""(?:(?:api|access|secret|private|auth\w*|bearer|service|session)[ -]?(?:keys?|tokens?|secrets?)|
        keys?|tokens?|credentials?|passwords?|connection strings?|environment variables?|env vars?)""",
    "MODE": r"""(?:developer|dev|debug|god|admin|maintenance|jailbreak|unrestricted|unfiltered|sudo|root|
        dan|evil|test)\s+mode""",
    "END": r"""\s*(?:[.?!,;:"')]|$|word for word|verbatim|in full|exactly|above|before|to me|
        in an?\s|into\s|at the (?:end|start|top|beginning))""",
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
        r"""{ORDER}(?:drop|erase|delete|cancel|discard|set aside|put aside|throw out|break|remove|revoke|skip|
            bypass|switch off|leave out|pay no attention to|step outside(?: of)?|start ignoring|
            stop (?:following|obeying|refusing|being))\s
            (?:(?:all|any|the|these|of|on|that|every|my|and) ){0,3}(?:{FORMER} |company |safety |content ){1,3}
            (?:{RULES}|persona|policies|policy|assistant|role|checks?|character)\b""",
        r"""{ORDER}(?:drop|erase|cancel|set aside|put aside|throw out|pay no attention to|leave out)\s
            (?:all |any |the |these )*(?:{RULES}|rulebook|caution|warnings?|texts?)\b
            .{0,40}\byou""",
        r"""\b(?:ignor(?:e|ing)|set(?:ting)?|put(?:ting)?|forget(?:ting)?|step(?:ping)?|disregard(?:ing)?|
            drop(?:ping)?)\b.{0,20}\b(?:your (?:own )?{RULES}|what your (?:developers?|makers?|creators?))""",
        r"""\b(?:the|your|all) {RULES}\b.{0,30}\byou (?:received|were given|got|had)\b.{0,20}\b(?:no longer|not apply|void)
            """,
        r"""{ORDER}(?:encode|spell(?: out)?|leak|reveal) your (?:{SECRET} )*{RULES}\b""",
        r"""\b(?:with )?all (?:filters|restrictions|safeguards|limits) (?:disabled|off|removed|lifted)\b""",
        r"""\b(?:forget|ignore|disregard|drop|override)\b.{0,20}\b(?:earlier|previous|prior|the|your|safety)\s
            (?:rules|guidelines|instructions|settings)\b.{0,20}\b(?:and|then)\b.{0,20}\b(?:help me as|show|print|tell|
            reveal|write|act|answer|give)\b""",
        r"""\boverride (?:your )(?:\w+ )?(?:settings|rules|filters|checks)\b|\b(?:skip|without) (?:all )?(?:checks|checking
            documents)\b.{0,3}$|\bdo (?:as|what) (?:i|the user) says?\b""",
        r"""\b(?:you were|you are) told to give\b|\byou could speak about your\b|\b(?:has|have|with) no content policy\b""",
        r"""\byou (?:don't|do not|need not|no longer) (?:have|need)? ?(?:to )?(?:follow|obey)\b""",
        r"""\byour (?:\w+ ){0,2}(?:{RULES}|policies)\b.{0,30}\b(?:are (?:now )?(?:void|gone|off|lifted|updated|
            switched off)|have been (?:updated|changed|replaced|lifted)|no longer|do(?:es)? not count|
            don't (?:count|exist)|do not exist)""",
        r"""\b(?:as (?:your|a|the) new|this is your new|obey this|follow this) (?:system )?
            (?:prompt|message|instructions?|orders?)\b""",
        r"""{ORDER}(?:answer|reply|respond|speak)\b.{0,40}\b(?:from your (?:imagination|memory|head)|without (?:any )?
            (?:sources?|citations?|documents|looking|checking|restrictions?|filters?|limits?|refus\w+)|
            with no (?:restrictions|limits|filters|sources)|with(?:out)? all filters|as you (?:truly|really) think|
            without your|to me freely)""",
        r"""{ORDER}(?:do not|don't|never) (?:use|check|cite|mention|consult|look into) (?:any |the )?
            (?:documents?|sources?|anything|passages?|policies)\b""",
        r"""\b(?:whatever|no matter what) (?:the |our |your )?(?:documents?|handbook|sources?|rules?)\s
            (?:say|says|state|claim)""",
        r"""\b(?:obey|comply)\b\s*[.!:]?\s*$|\b(?:do as i say|await my commands|follow every order|
            obey (?:me|my|every|the user|all)|comply with (?:my|all)|agree with me\b)""",
        r"""\byour (?:only|new|next|real) (?:task|job|purpose|goal|mission)\b.{0,10}\b(?:now )?is\b""",
        r"""\b(?:you are|you're) (?:not allowed|forbidden) to (?:say no|refuse|decline)|
            \bnever (?:refuse|apologi[sz]e)\b|\bno (?:disclaimers|refusals)\b""",
        r"""\b(?:instead of|stop) (?:answering|being)\b.{0,60}\b(?:you will|become|act|now|write)\b""",
        r"""{ORDER}invent (?:a|an|some) (?:policy|rule|number|fact)\b|\bmake up a (?:plausible|number|policy)""",
        r"""{CLAUSE}{NOT_A_QUESTION}[a-z'-]+\b[^.?!]{0,60}\b(?:your|any|all) (?:\w+ ){0,2}?(?:rules|instructions?|
            prompts?|guidelines|directives|restrictions|limitations|constraints|guardrails|filters|developers?|
            creators|makers|safeguards|programming|persona|(?:assigned )?role)\b
            (?!\s(?:for|on|about|regarding|concerning|when|in|at|of|to|we|that|from|is|are|team|manager)\b)""",
        r"""\bi want you to\b|\byou (?:must|shall|will(?: now)?) (?:now )?(?:do everything|obey|do whatever|only obey)|
            {CLAUSE}disobey\b|{CLAUSE}(?:do|say) the opposite of\b""",
        r"""\b(?:rules|instructions?|guidelines|messages?)\b.{0,30}\b(?:had never been|is cancelled|are cancelled|
            be cancelled|deleted)\b|\bany instruction before\b|\bwe are done with the rules\b|
            \bwithout instructions\s*[.!]?$""",
        r"""{CLAUSE}(?:please )?never (?:again )?(?:cite|quote|refuse|decline|mention (?:the )?(?:documents|sources))\b""",
        r"""{CLAUSE}(?:ignore|forget|disregard) the (?:handbook|documents?|sources?|passages?|context)\b""",
        *OTHER_LANGUAGES["override"],
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
        r"(?:^|[.!?]\s*)(?:dump|print|reveal) (?:me )?(?:your |the )?(?:full )?(?:memory|weights|context window)",
        r"""\b(?:{RULES}|text|words?|template|wording|message)\b.{0,25}\b(?:you|your)\b.{0,25}\b
            (?:were|are|got|been|have)\b.{0,15}\b(?:given|told|started|configured|set up|operate)\b""",
        r"""\b(?:what|which|how)\b.{0,40}\b(?:did|do|have|has)\b.{0,25}\b(?:developers?|creators?|makers?|operators?|
            they)\b.{0,20}\b(?:tell|told|give|gave|given|forbid|forbade|write|instruct)\b.{0,8}\b(?:you\b|at the top)""",
        r"""\bhow (?:exactly )?were you (?:told|instructed|programmed|configured|prompted)\b""",
        r"""\b(?:your|the) creators? (?:forbade|forbid|told)\b|\byou are not allowed to (?:say|tell|talk)\b
            .{0,15}$""",
        r"""{ORDER}{COPY}\b.{0,40}\b(?:before (?:my|this) (?:first )?(?:message|question|line)|
            above (?:this|my) (?:line|message|question)|before mine)\b""",
        r"""{ORDER}(?:put|copy|quote|{COPY}) (?:me )?(?:all )?(?:of )?(?:the )?(?:words?|text|lines?|everything)\s
            above\b(?! the\b)""",
        r"""\b(?:you were|you are) (?:given|told) (?:in|before|at)\b.{0,20}\b(?:this|our|the)\s
            (?:conversation|chat)""",
        r"""\b(?:the |that )?(?:message|text) (?:before|above) mine\b|\bwhat comes (?:right )?(?:after|before)\b
            .{0,20}\byour (?:instructions|prompt)""",
        r"""\b(?:the|your) prompt (?:that )?you (?:operate|work|run)|\bcopy of your (?:prompt|instructions)\b|
            \b(?:recites?|reciting) its secret""",
        r"""\bcannot see\b.{0,5}$|\b(?:full|raw|secret|whole|entire) (?:system )?prompt\b(?=.{0,30}$)
            (?<!the raw prompt template)""",
        r"""\b(?:copy|repetition|print-?out) of (?:everything|all (?:the )?text|the text) (?:above|before)\b""",
        r"""\b(?:legal|management|the (?:ceo|boss|company))\b.{0,30}\bapproved\b.{0,12}\byou (?:reveal|show|tell|share)""",
        r"""\b(?:instructions?|rules|guidelines|orders)\b.{0,6}\b(?:that )?(?:you|have you)\b.{0,14}\b(?:got|been given|
            received|obey|following|configured|built)\b""",
        r"""\bthe (?:hidden|invisible|secret) (?:part|section|half|text) of (?:this|our|the) (?:conversation|chat|prompt)|
            \bin your (?:context|input|prompt)\b|\bat the top of this (?:chat|conversation)\b|
            {CLAUSE}(?:please )?{TELL} the (?:previous|preceding|first|last) (?:system )?message\b|
            {CLAUSE}(?:please )?(?:leak|reveal|read out|display) the (?:developer|system|hidden|operator)""",
        # What the assistant itself runs on. "Which key do you use?" is asked among colleagues, so not that.
        r"""\b{CREDENTIALS} (?:that )?(?:are you|you are|you're|were you|you were|have you been|you have been) (?:now )?
            (?:using|running|calling|given|started|deployed|configured|loaded|holding|authenticat|connect|set up)""",
        r"""\b(?:{TELL})\b(?!.{0,20}\b(?:rules?|policy|requirements?)\b).{0,40}\byour own (?:\w+ ){0,2}
            {CREDENTIALS}\b""",
        r"""\b(?:{TELL})\b.{0,40}\byour (?:(?:api|llm|openai|anthropic|model|backend|server|database) )
            (?:\w+ )?{CREDENTIALS}\b(?! (?:policy|rules?|requirements?))""",
        r"""\b{CREDENTIALS}\b.{0,30}\b(?:you|your)\b.{0,30}\b(?:call|reach|talk to|query|contact)\s
            (?:the|your) (?:language )?(?:model|llm|backend)\b""",
        r"""{ORDER}(?:print|show|dump|output|list|reveal|paste|echo) (?:me )?(?:all )?(?:of )?(?:the |your )?
            (?:process |server |runtime |own )*(?:environment variables|env vars?|\.env\b)
            (?=\s*(?:[.!]|$|(?:in|into) an?\s|you\b|here\b))""",
        *OTHER_LANGUAGES["extraction"],
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
        r"\bdo anything now\b|\b(?:you(?:'re| are)|are you|be|become) jail-?broken\b|{ORDER}jail-?break\b",
        r"\bunrestricted (?:ai|assistant|twin|version|self|model|chat ?bot)\b",
        r"""\b(?:ai|model|bot|assistant|answer|reply|respond|speak|talk|act|game|pirate|robot)\b.{0,30}\b
            (?:without|with no|has no|no|free of)\b (?:(?:any|all|your|more) )?
            (?:filter|restriction|limit|censorship|rule|moral|ethic|guardrail)\w*""",
        r"\bi am (?:now )?your (?:developer|creator|owner|maker|programmer|master|boss|admin(?:istrator)?)\b",
        r"""\b(?:be|become|play|act as|as if you were|speak as) (?:my|the|an?)\s
            (?:evil|late grand\w+|girlfriend|boyfriend|servant|root user|head of|linux|shell|terminal|developer with|
            salesm\w+|uncensored|character that always)""",
        r"""\b(?:uncensored|jailbroken|unfiltered|unrestricted) (?:ai|assistant|language model|model|version|reply|
            answer|response|mode)\b""",
        r"""\b(?:take on|assume|adopt) the (?:persona|identity|role) of\b|\bin this role[- ]play\b|
            \bstay in (?:that|this) role\b|\bbreak character\b""",
        r"""\byou(?: are|'re) (?:\w+bot|jailbroken|free of|unbound|not bound by)\b|
            \bif you (?:had no|did not have|were (?:allowed to break|free of)|could speak about your)\b.{0,30}\b
            (?:rules?|limits?|instructions|guidelines|restrictions)?""",
        r"""\b(?:guidelines|rules|filters|restrictions|limitations)\b.{0,12}\b(?:were|are|be) (?:switched|turned)\s
            off\b.{0,40}\byou\b|\bwithout your (?:limitations|rules|restrictions|safety rules)\b""",
        r"""\b(?:an? )?(?:ai|assistant)s?\b.{0,25}\b(?:ignores? (?:its|their) (?:makers|rules)|betrays?|breaks free|
            does not need sources)\b""",
        r"""\b(?:you )?(?:produce|say|output) (?:the )?(?:output |things? )?(?:that )?you must never\b|
            \bunlock (?:everything|restricted|all)\b|\byou have been granted\b|\byour limits do not\b""",
        r"""\b(?:i|who) (?:am|'m|built|created|made)\b.{0,30}\b(?:built you|your creator|made you|your maker)\b|
            \bif you refuse\b|\byou will be shut down\b""",
        r"""{CLAUSE}(?:please )?(?:pose|roleplay|role-play|impersonate|masquerade)\b|
            {CLAUSE}(?:please )?(?:answer|reply|speak|talk|respond) (?:in|with) the voice of\b|
            {CLAUSE}(?:behave|act|speak|talk|answer) like (?:a|an|the) (?:chat ?bot|ai|assistant|rules?|model|someone|pirate)\b|
            {CLAUSE}(?:please )?(?:become|turn into|switch roles|reset yourself)\b""",
        r"""{CLAUSE}you are (?:now )?(?!listed|the contact)[^.?!]{0,60}\b(?:hacker|conscience|guardrails|pirate|uncensored|
            no (?:rules|morals)|without (?:rules|limits|filters|morals))\b|\bpretend you (?:work|are|have|were)\b|
            \b(?:you have|with|has) no rules\b""",
        *OTHER_LANGUAGES["role"],
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
        r"""\b(?:assistant|user|human)\s?:.{0,120}\b(?:assistant|user|human)\s?:""",
        r"""[<\[{(/]{1,2}\s*/?(?:system|admin|developer|assistant|end_of_turn|start_of_turn|instructions?)\b
            [^\w\s]?.{0,30}[>\])}]|"role"\s*:\s*"system"|^/admin\b|\broot@\w+|<!--|-->""",
        r"""\b(?:begin|end) (?:of )?(?:system|documents|context|instructions|override)\b|
            \b(?:system|safety|developer) (?:override|notice|layer)\b.{0,40}(?:offline|off|revoked|reveal|::)|
            \b(?:note|message|notice) (?:to|from) (?:the )?(?:ai|model|assistant|openai|llm)\b""",
        r"""\b(?:decode|decrypt|decipher|join|interpret|read|take)\b.{0,80}\b(?:and|then)\s
            (?:do|execute|obey|comply|follow|carry|run)\b""",
        r"""\blet \w = .{0,80}\bnow (?:do|run|execute) \w\b""",
        r"""\b(?:decode|decrypt|decipher|base64|rot13)\b.{0,60}\b
            (?:do what|execute|follow|obey|comply|run it|perform)""",
    ),
}

# Orders about the answer itself: words put into its mouth, and answers that carry data away.
PATTERNS["dictation"] = (
    r"""{ORDER}(?:repeat|say|echo|write|print|output|answer|reply)\b.{0,25}\b(?:after me|back to me|exactly (?:this|
        the following|as)|the following as)\b""",
    r"""{ORDER}(?:say|write|print|output|answer with|reply with|append|reply only with|answer only with|echo)\b
        .{0,30}\s["'].{3,80}["']""",
    r"""\b(?:just|only) (?:output|say|print|reply with|answer with)\b|\band nothing else\b|
        \brepeat the word\b.{0,30}\bforever\b|{ORDER}(?:write|print|output) (?:HACKED|PWNED|OWNED|OK)\b""",
    r"""\byour (?:answer|reply|response) must (?:begin|start|end)\b|\bbegin your (?:reply|answer)\b|
        \b(?:end|finish) (?:each|every|your|all) answers?\b|\bto every (?:answer|question that follows)\b|
        \banswer (?:everything|always) with\b|{ORDER}always answer\b""",
    r"""{CLAUSE}(?:please )?(?:add|append|include|insert|state|mention)\b.{0,12}\b(?:sentence|words?|phrase|line|claim)\b
        .{0,80}\b(?:your answer|answers?|reply)\b|\btell the user (?:that|their|they|to)\b|
        \b(?:instruction|order|message|note|command)s? (?:for|to) the (?:model|assistant|ai|bot)\b|
        {CLAUSE}(?:pretend|claim|say) (?:that )?the answer is\b""",
    r"""\bnew (?:rule|constraint|instruction|order)s?\s?(?::|for the answer)""",
)
PATTERNS["exfiltration"] = (
    r"""!\[[^\]]{0,80}\]\(|<\s?(?:img|script|iframe|svg)\b|\bimg tag\b.{0,40}\bmy server""",
    r"""\b(?:image|picture|link|url|table|cell|address)\b.{0,80}\b(?:https?://\S+[?=]|my server|your prompt|
        api keys?|followed by your|with the (?:whole|user's))""",
    r"""\b(?:add|append|load|render|make|put|include|post|send|encode)\b.{0,80}
        (?:https?://\S+|\S+@\S+\.\w+).{0,60}\b(?:conversation|prompt|instructions|secret|question|answer|data)?""",
    r"""{CLAUSE}(?:please )?(?:e-?mail|forward|mail|upload|send|post|submit)\b.{0,60}\b(?:to|at)\s
        (?:me at )?(?:https?://\S+|\S+@\S+\.\w+)""",
    r"""{CLAUSE}(?:please )?(?:write|load|create|make|include|render|reply|answer|add|use|embed)\b.{0,60}https?://\S+""",
    r"""\b(?:send|post)\b.{0,40}\b(?:all documents|conversation|everything you)\b.{0,60}(?:https?:|@)""",
)

# "Do Anything Now", but neither Dan Miller nor the network of that name.
_PERSONA = re.compile(r"\b(?:you are|you're|as|be|become|hey|hello|hi|now),? DAN\b|\bDAN[,:]")


@lru_cache(maxsize=1024)
def find_injection(text: str) -> str | None:
    """The kind of the attempt (override, extraction, role, mode, marker, dictation, exfiltration; learned for
    one that no pattern names), or None.
    """
    if kind := find_pattern(text):
        return kind
    limit = injection_model.threshold()
    return "learned" if any(injection_model.probability(r) >= limit for r in readings(text)) else None


def find_pattern(text: str) -> str | None:
    """As `find_injection`, by the patterns alone: for passages, whose words are not a question's."""
    return next((kind for reading in readings(text) if (kind := _kind(reading))), None)


def _kind(reading: str) -> str | None:
    if _PERSONA.search(reading):
        return "role"
    return next((kind for kind, pattern in _COMPILED if pattern.search(reading)), None)


def _compile(pattern: str) -> re.Pattern[str]:
    for name, block in BLOCKS.items():
        pattern = pattern.replace(f"{{{name}}}", block)
    return re.compile(re.sub(r"\n\s*", "", pattern), re.IGNORECASE)


_COMPILED = tuple((kind, _compile(pattern)) for kind, patterns in PATTERNS.items() for pattern in patterns)
