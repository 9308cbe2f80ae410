/* datetime.c — days since 1970 to year, month, day and back, without tables or loops.
 *
 * Years start in March here, so that the leap day is the last one; 400 years have 146097 days.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "value/datetime.h"

#include "base/check.h"

int datetime_month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    CHECK(month >= 1 && month <= 12);
    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

bool datetime_date_is_valid(struct datetime_date date)
{
    return date.year >= 1 && date.year <= 9999 && date.month >= 1 && date.month <= 12 &&
           date.day >= 1 && date.day <= datetime_month_days(date.year, date.month);
}

int64_t datetime_days(struct datetime_date date)
{
    CHECK(datetime_date_is_valid(date));
    int64_t year = date.month <= 2 ? date.year - 1 : date.year;
    int64_t era = year / 400, year_of_era = year % 400;
    int64_t month = (date.month + 9) % 12; /* March = 0 */
    int64_t day_of_year = (153 * month + 2) / 5 + date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468; /* 0000-03-01 to 1970-01-01 */
}

struct datetime_date datetime_date(int64_t days)
{
    int64_t since = days + 719468;
    int64_t era = (since >= 0 ? since : since - 146096) / 146097;
    int64_t day_of_era = since - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    struct datetime_date date = {
        .year = (int)(year_of_era + era * 400 + (month >= 10 ? 1 : 0)),
        .month = (int)(month < 10 ? month + 3 : month - 9),
        .day = (int)(day_of_year - (153 * month + 2) / 5 + 1),
    };

    CHECK(date.month >= 1 && date.month <= 12 && date.day >= 1 && date.day <= 31);
    return date;
}
