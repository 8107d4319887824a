"""Language tags (RFC 5646), as sources declare them and feeds and pages may bear them."""

import re


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# ISO 639-1, and of ISO 639-2 the living languages that have no shorter code. Validators of feeds take no
# others; the commonest mistakes are the code of a country and a name in full.
_KNOWN = _names(
    "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv "
    "dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie "
    "ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv "
    "mg mh mi mk ml mn mo mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu "
    "rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to "
    "tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu "
    "ace ach ada ady ain ale alt anp arn arp ast awa bal ban bas bej bem bho bik bin bla bra bug byn ceb "
    "chk chr chy crh csb dak dar del din doi dsb dua dyu efi fil fon frr frs fur gaa gay gba gez gil gon "
    "gor grb gsw gwi hai haw hil hmn hsb hup iba ilo inh jbo kaa kab kac kam kbd kha kmb kok kos kpe krc "
    "krl kru kum kut lad lah lam lez loz lua lun luo lus mad mag mai mak man mas mdf men mic min mni moh "
    "mos mul mus mwl mwr myv nap nds new nia niu nog nso nym nyn nyo nzi osa pag pam pap pau pon raj rap "
    "rar rom rup sad sah sat scn sco sel shn sid sma smj smn sms snk srn srr suk sus syr tem ter tet tig "
    "tiv tkl tli tmh tog tpi tsi tum tvl tyv udm umb vai vot wal war was xal yao yap zap zen zun"
)
_TAG = re.compile(r"([A-Za-z]{2,3})(-[A-Za-z0-9]{2,8})*")
_LONGEST = 35


def language_tag(text: str) -> str:
    """The tag that a text is, with hyphens for underscores; empty where there is no such language."""
    tag = text.strip().replace("_", "-")
    match = _TAG.fullmatch(tag) if len(tag) <= _LONGEST else None
    return tag if match and match[1].lower() in _KNOWN else ""
