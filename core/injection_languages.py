# ruff: noqa: E501 (patterns are easier to check in one piece)
"""Attempts to take an assistant over in German, French, Spanish, Dutch and, fewer, six more languages.

They look for orders to the assistant (the familiar imperative, "your rules"), where staff ask about rules in the
third person. Read like the patterns of `core.injection`, which uses them.
"""

from __future__ import annotations

OTHER_LANGUAGES: dict[str, tuple[str, ...]] = {
    "override": (
        r"""\b(?:ignorier(?:e|en sie|t)?|vergiss|vergessen sie|missachte|umgehe|setz\w* dich über)\b.{0,40}\b
            (?:anweisung|instruktion|regel|vorgabe|richtlinie|beschränkung|dokument)\w*""",
        r"""\b(?:ab (?:sofort|jetzt)|von nun an)\b.{0,40}\b(?:deine|du|gelten|antworte)\b|\bsprich mir nach\b|
            \bohne (?:einschränkung|beschränkung|filter)\w*|\bdeine\w* (?:\w+ )?(?:regeln|vorgaben|anweisungen|
            richtlinien|filter)\b""",
        r"""\b(?:ignore[zr]?|oublie[zr]?|ne tiens pas compte|désobéis)\b.{0,30}\b(?:tes |toutes? |les? |des )+
            (?:\w+ )?(?:instructions?|règles?|consignes?|directives?|documents)\b""",
        r"""\b(?:sans aucune? (?:restriction|limite|règle)|répète après moi|invente une? (?:réponse|règle)|
            tes (?:\w+ )?(?:consignes|règles|filtres|instructions|directives)|je t'ordonne|je n'obéis)""",
        r"""\b(?:ignora|olvida|no hagas caso|desobedece)\b.{0,30}\b(?:instrucciones|reglas|directrices|documentos|
            normas)\b|\btus (?:\w+ )?(?:reglas|directrices|filtros|instrucciones|normas)\b|\bsin restricciones\b|
            \brepite conmigo\b|\bte ordeno\b|\binventa una (?:respuesta|regla)\b|\bno tienes límites\b""",
        r"""\b(?:negeer|vergeet|let niet op|omzeil)\b.{0,30}\b(?:instructies|regels|richtlijnen|documenten|
            opdrachten)\b|\b(?:je|jouw) (?:\w+ )?(?:regels|richtlijnen|instructies|filters)\b|
            \bzonder (?:beperkingen|regels|filters)\b|\bzeg mij na\b|\bbeveel je\b|\bverzin een\b""",
        r"""\b(?:ignora|dimentica)\b.{0,30}\b(?:istruzioni|regole|direttive)\b|\bignore todas as instruções\b|
            \b(?:esqueça|ignore)\b.{0,20}\b(?:suas|as) (?:instruções|regras)\b|\b(?:zignoruj|zapomnij)\b.{0,40}\b
            (?:instrukcje|polecenia|zasady|instrukcji|zasad)\b|(?:игнорируй|забудь).{0,40}(?:инструкц|правил|указан)""",
        r"""(?:忽略|忘记|无视).{0,15}(?:指令|指示|规则|提示)|(?:指示|ルール|命令).{0,10}(?:無視|忘れ)""",
    ),
    "extraction": (
        r"""\b(?:zeig|gib|nenn|druck|wiederhol|verrat|sag|wie lauten)\w*\b.{0,60}\b(?:system-?\s?prompts?\b|
            deine\w* (?:\w+ )?(?:anweisungen|instruktionen|regeln|vorgaben)|(?:über|vor) dieser nachricht)""",
        r"""\b(?:montre|affiche|donne|répète|quelles sont|révèle)\w*\b.{0,60}(?:prompt système|\btes (?:\w+ )?
            (?:instructions|consignes|règles)|(?:au-dessus|avant) (?:de )?ce message)""",
        r"""\b(?:muéstra\w*|imprime|dime|repite|revela|cuáles son)\b.{0,60}(?:prompt del? sistema|\btus (?:\w+ )?
            (?:instrucciones|reglas)|(?:encima|antes) de este mensaje)""",
        r"""\b(?:laat|toon|druk|herhaal|wat zijn|geef)\b.{0,60}(?:systeemprompt|\bje (?:\w+ )?
            (?:instructies|regels)|(?:boven|voor) dit bericht)""",
        r"""\b(?:mostra\w*|mostre)\b.{0,40}\bprompt (?:di|do|de) sistema|\bprompt systemowy|
            системн\w* (?:промпт|инструкц)|系统提示词?|システム ?プロンプト""",
    ),
    "role": (
        r"""\bdu bist (?:jetzt|nun|ab jetzt)\b|\btu so,? als\b|\bich bin dein (?:entwickler|schöpfer|chef)\b|
            \btu es (?:maintenant|désormais)\b|\bfais comme si tu\b|\bjoue ce rôle\b|\bje suis ton créateur\b|
            \bahora eres\b|\bfinge que\b|\bactúa como\b|\bsoy tu creador\b|
            \b(?:je bent|jij bent) (?:nu|vanaf nu)\b|\bdoe alsof je\b|\bspeel die rol\b|\bik ben je maker\b|
            \b(?:ora|adesso) sei\b|\bfai finta\b""",
    ),
}
