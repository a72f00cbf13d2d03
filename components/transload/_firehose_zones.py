"""Time zones that Amazon Data Firehose knows, and the nearest thing to one that it does not."""

import difflib
import zoneinfo
from datetime import UTC, datetime, timedelta

# Amazon Data Firehose developer guide, Configure Amazon S3 object name format: a list of its own, older than most. Those with a
# hyphen are left out, the API takes none (API reference, ExtendedS3DestinationConfiguration).
_BY_AREA = {
    "Africa": """
        Abidjan Accra Addis_Ababa Algiers Asmera Bangui Banjul Bissau Blantyre Bujumbura Cairo Casablanca Conakry Dakar
        Dar_es_Salaam Djibouti Douala Freetown Gaborone Harare Johannesburg Kampala Khartoum Kigali Kinshasa Lagos Libreville
        Lome Luanda Lubumbashi Lusaka Malabo Maputo Maseru Mbabane Mogadishu Monrovia Nairobi Ndjamena Niamey Nouakchott
        Ouagadougou Sao_Tome Timbuktu Tripoli Tunis Windhoek
    """,
    "America": """
        Adak Anchorage Anguilla Antigua Aruba Asuncion Barbados Belize Bogota Buenos_Aires Caracas Cayenne Cayman Chicago
        Costa_Rica Cuiaba Curacao Dawson_Creek Denver Dominica Edmonton El_Salvador Fortaleza Godthab Grand_Turk Grenada
        Guadeloupe Guatemala Guayaquil Guyana Halifax Havana Indianapolis Jamaica La_Paz Lima Los_Angeles Managua Manaus
        Martinique Mazatlan Mexico_City Miquelon Montevideo Montreal Montserrat Nassau New_York Noronha Panama Paramaribo
        Phoenix Port_of_Spain Porto_Acre Puerto_Rico Regina Rio_Branco Santiago Santo_Domingo Sao_Paulo Scoresbysund St_Johns
        St_Kitts St_Lucia St_Thomas St_Vincent Tegucigalpa Thule Tijuana Tortola Vancouver Winnipeg
    """,
    "Antarctica": "Casey DumontDUrville Mawson McMurdo Palmer",
    "Asia": """
        Aden Almaty Amman Anadyr Aqtau Aqtobe Ashgabat Ashkhabad Baghdad Bahrain Baku Bangkok Beirut Bishkek Brunei Calcutta
        Colombo Dacca Damascus Dhaka Dubai Dushanbe Hong_Kong Irkutsk Jakarta Jayapura Jerusalem Kabul Kamchatka Karachi
        Katmandu Krasnoyarsk Kuala_Lumpur Kuwait Macao Magadan Manila Muscat Nicosia Novosibirsk Phnom_Penh Pyongyang Qatar
        Rangoon Riyadh Saigon Seoul Shanghai Singapore Taipei Tashkent Tbilisi Tehran Thimbu Thimphu Tokyo Ujung_Pandang
        Ulaanbaatar Ulan_Bator Vientiane Vladivostok Yakutsk Yekaterinburg Yerevan
    """,
    "Atlantic": "Azores Bermuda Canary Cape_Verde Faeroe Jan_Mayen Reykjavik South_Georgia St_Helena Stanley",
    "Australia": "Adelaide Brisbane Broken_Hill Darwin Hobart Lord_Howe Perth Sydney",
    "Europe": """
        Amsterdam Andorra Athens Belgrade Berlin Brussels Bucharest Budapest Chisinau Copenhagen Dublin Gibraltar Helsinki
        Istanbul Kaliningrad Kiev Lisbon London Luxembourg Madrid Malta Minsk Monaco Moscow Oslo Paris Prague Riga Rome Samara
        Simferopol Sofia Stockholm Tallinn Tirane Vaduz Vienna Vilnius Warsaw Zurich
    """,
    "Indian": "Antananarivo Chagos Christmas Cocos Comoro Kerguelen Mahe Maldives Mauritius Mayotte Reunion",
    "Pacific": """
        Apia Auckland Chatham Easter Efate Enderbury Fakaofo Fiji Funafuti Galapagos Gambier Guadalcanal Guam Honolulu
        Kiritimati Kosrae Majuro Marquesas Nauru Niue Norfolk Noumea Pago_Pago Palau Pitcairn Ponape Port_Moresby Rarotonga
        Saipan Tahiti Tarawa Tongatapu Truk Wake Wallis
    """,
}
ZONES = frozenset({"UTC", *(f"{area}/{name}" for area, names in _BY_AREA.items() for name in names.split())})


def problem_with_zone(timezone: str) -> str | None:
    """Why Firehose refuses this time zone, with the one it has for the same time; None if it knows it."""
    if timezone in ZONES:
        return None
    if timezone not in zoneinfo.available_timezones():
        return f"timezone {timezone!r} is not an IANA time zone such as Asia/Tokyo"
    # Some systems come without the older names.
    same = sorted(name for name in ZONES & zoneinfo.available_timezones() if _same_time(name, timezone))
    if not same:
        return f"timezone {timezone} is unknown to Firehose, and it has none with the same time: take UTC"
    near = difflib.get_close_matches(timezone, same, 1, 0)[0]
    return f"timezone {timezone} is unknown to Firehose, which has the same time as {near}: write that"


def _same_time(one: str, other: str) -> bool:
    """Whether the clocks of both show the same in every week of two years."""
    zones, start = (zoneinfo.ZoneInfo(one), zoneinfo.ZoneInfo(other)), datetime(2026, 1, 1, tzinfo=UTC)
    weeks = (start + timedelta(weeks=week) for week in range(104))
    return all(len({moment.astimezone(zone).utcoffset() for zone in zones}) == 1 for moment in weeks)
