using System.Globalization;
using System.Net.Http.Headers;

namespace Adcp.Aot.Resilience;

/// <summary>Reads the <c>Retry-After</c> header (RFC 9110, section 10.2.3): seconds or an HTTP date.</summary>
public static class RetryAfter
{
    /// <summary>The maximum length of a header value, in characters.</summary>
    private const int MaxLength = 64;

    private static readonly string[] DateForms =
        ["ddd, dd MMM yyyy HH:mm:ss 'GMT'", "dddd, dd-MMM-yy HH:mm:ss 'GMT'", "ddd MMM d HH:mm:ss yyyy", "ddd MMM  d HH:mm:ss yyyy"];

    /// <summary>
    /// Reads a header value. If a number is too large for <see cref="TimeSpan"/>, it gives
    /// <see cref="TimeSpan.MaxValue"/>; a past date gives zero.
    /// </summary>
    /// <param name="value">The field's value.</param>
    /// <param name="now">The time that a date is compared with.</param>
    /// <param name="delay">The wait, never negative.</param>
    /// <returns><c>false</c> if the value is neither a non-negative integer nor an HTTP date.</returns>
    public static bool TryParse(ReadOnlySpan<char> value, DateTimeOffset now, out TimeSpan delay)
    {
        delay = default;
        value = value.Trim(" \t");
        if (value.Length is 0 or > MaxLength)
        {
            return false;
        }

        if (!value.ContainsAnyExceptInRange('0', '9'))
        {
            delay = long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long seconds)
                && seconds < (long)TimeSpan.MaxValue.TotalSeconds
                ? TimeSpan.FromSeconds(seconds)
                : TimeSpan.MaxValue;
            return true;
        }

        const DateTimeStyles Utc = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        if (!DateTimeOffset.TryParseExact(value, DateForms, CultureInfo.InvariantCulture, Utc, out DateTimeOffset date))
        {
            return false;
        }

        delay = date > now ? date - now : TimeSpan.Zero;
        return true;
    }

    /// <summary>Reads the header of a response; <c>null</c> if it is absent, repeated or malformed.</summary>
    internal static TimeSpan? From(HttpResponseHeaders? headers, TimeProvider time)
    {
        if (headers is null || !headers.NonValidated.TryGetValues("Retry-After", out HeaderStringValues values) || values.Count != 1)
        {
            return null;
        }

        return TryParse(values.ToString(), time.GetUtcNow(), out TimeSpan delay) ? delay : null;
    }
}
