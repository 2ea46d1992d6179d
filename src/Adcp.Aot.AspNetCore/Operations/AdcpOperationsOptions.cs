using System.Security.Claims;
using Microsoft.AspNetCore.Http;

namespace Adcp.Aot.AspNetCore;

/// <summary>The options of the operator page and its API. Read once, when the page is mapped.</summary>
public sealed class AdcpOperationsOptions
{
    /// <summary>
    /// Gets or sets the name of the authorization policy of the page and the API. Without it the page is not mapped, unless
    /// <see cref="AllowsAnyone"/> is set.
    /// </summary>
    public string? Policy { get; set; }

    /// <summary>
    /// Gets or sets the name of the authorization policy for opening the body of a dead letter, which is needed in addition to
    /// <see cref="Policy"/>. Each opening is recorded. Default <see langword="null"/>: no client opens a body, also if
    /// <see cref="AllowsAnyone"/> is set.
    /// </summary>
    public string? BodyPolicy { get; set; }

    /// <summary>
    /// Gets or sets whether every client that reaches the page may see it and act. For development only. Default
    /// <see langword="false"/>. Without a <see cref="Policy"/> the page answers under localhost, 127.0.0.1 and [::1] only,
    /// and 421 under any other host, so that a web page cannot reach it under a name of its own.
    /// </summary>
    public bool AllowsAnyone { get; set; }

    /// <summary>
    /// Gets or sets whether an action needs a reason, which is recorded with it. Without one the API answers 400. A dry run, and the
    /// cancellation of a job, need none. Default <see langword="true"/>.
    /// </summary>
    public bool RequiresReason { get; set; } = true;

    /// <summary>
    /// Gets or sets the function that returns the actor of an action, for the record. Default: the name of the authenticated identity,
    /// then its <c>sub</c>, then <c>anonymous</c>.
    /// </summary>
    public Func<HttpContext, string> ActorOf { get; set; } = static http =>
        http.User.Identity?.Name ?? http.User.FindFirstValue("sub") ?? http.User.FindFirstValue(ClaimTypes.NameIdentifier) ?? "anonymous";
}
