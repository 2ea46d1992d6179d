using Adcp.Aot.Network;
using Adcp.Aot.Resilience;

namespace Adcp.Aot;

/// <summary>
/// The most attempts that each endpoint of some origins gets in a time. Further deliveries wait for their turn: no attempt is spent, no
/// failure is counted, and no concurrency permit is taken. Immutable; a bad value throws when it is set.
/// </summary>
/// <remarks>
/// Each endpoint, which is a row of the <see cref="EndpointTable"/>, has the limit for itself. Turns are given in order of arrival, by
/// the clock of the supervisor. The limit is that of one process: several processes that deliver to one endpoint share nothing.
/// </remarks>
public sealed record EndpointRateLimit
{
    private OriginPattern[] _patterns = [];

    /// <summary>
    /// Gets the origins that the limit is for: <c>https://buyer.example</c>, with a port if it is not the default one,
    /// <c>https://*.buyer.example</c> for the subdomains of a name, or <c>*</c> for all endpoints. 1 to 1,024.
    /// </summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    /// <exception cref="ArgumentException">Empty, too many, or not origins.</exception>
    public required IReadOnlyList<string> Origins
    {
        get;
        init
        {
            _patterns = OriginPattern.Parse(value, nameof(Origins));
            field = value;
        }
    }

    /// <summary>Gets the most attempts in <see cref="Period"/>, evenly spaced after <see cref="Burst"/>. 1 to 1,000,000.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 1,000,000.</exception>
    public required int MaxAttempts { get; init => field = Require.InRange(value, 1, 1_000_000, nameof(MaxAttempts)); }

    /// <summary>Gets the time of <see cref="MaxAttempts"/>. 10 ms to 1 day, default 1 s.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 10 ms to 1 day.</exception>
    public TimeSpan Period
    {
        get;
        init => field = Require.InRange(value, TimeSpan.FromMilliseconds(10), TimeSpan.FromDays(1), nameof(Period));
    } = TimeSpan.FromSeconds(1);

    /// <summary>Gets the attempts that may begin at once after a pause. 1 to 1,000,000, default 1: always evenly spaced.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 1,000,000.</exception>
    public int Burst { get; init => field = Require.InRange(value, 1, 1_000_000, nameof(Burst)); } = 1;

    /// <summary>Returns the limit and its origins.</summary>
    public override string ToString() => $"{MaxAttempts} in {Period} for {string.Join(", ", Origins)}";

    internal bool Matches(TargetUri target) => OriginPattern.Match(_patterns, target);
}
