namespace Quickstart;

/// <summary>An answer of the buyer.</summary>
internal enum Fault
{
    /// <summary>200.</summary>
    None,

    /// <summary>503, twice.</summary>
    Unavailable,

    /// <summary>The connection is reset.</summary>
    Reset,

    /// <summary>The webhook is processed, and no answer is sent.</summary>
    Hang,

    /// <summary>429 with Retry-After.</summary>
    TooManyRequests,

    /// <summary>409, which ends the delivery.</summary>
    Conflict,

    /// <summary>The webhook is processed, and the body of the answer drips slowly.</summary>
    Drip,
}

/// <summary>Chooses the faults of a run. They are the same for a task and a seed, so a run can be repeated.</summary>
/// <param name="mixed">Whether there are faults at all.</param>
/// <param name="seed">Chooses other faults.</param>
internal sealed class Faults(bool mixed, int seed)
{
    /// <summary>Returns the answer to an attempt for a task, which counts from 1.</summary>
    public Fault Of(string task, int attempt) => (mixed ? Hash(task) % 100 : 99) switch
    {
        < 12 when attempt <= 2 => Fault.Unavailable,
        >= 12 and < 16 when attempt == 1 => Fault.Reset,
        >= 16 and < 19 when attempt == 1 => Fault.Hang,
        >= 19 and < 22 when attempt == 1 => Fault.TooManyRequests,
        >= 22 and < 24 => Fault.Conflict,
        >= 24 and < 27 when attempt == 1 => Fault.Drip,
        _ => Fault.None,
    };

    public static async Task AnswerAsync(HttpContext http, Fault fault)
    {
        switch (fault)
        {
            case Fault.Unavailable:
                http.Response.StatusCode = 503;
                break;
            case Fault.Reset:
                http.Abort();
                break;
            case Fault.Hang:
                await Task.Delay(Timeout.InfiniteTimeSpan, http.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                break;
            case Fault.TooManyRequests:
                http.Response.StatusCode = 429;
                http.Response.Headers.RetryAfter = "1";
                break;
            case Fault.Conflict:
                http.Response.StatusCode = 409;
                break;
            case Fault.Drip:
                await DripAsync(http);
                break;
            default:
                http.Response.StatusCode = 200;
                break;
        }
    }

    private static async Task DripAsync(HttpContext http)
    {
        http.Response.ContentLength = 1000;
        for (int i = 0; i < 1000 && !http.RequestAborted.IsCancellationRequested; i++)
        {
            await http.Response.Body.WriteAsync("."u8.ToArray()).AsTask().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await http.Response.Body.FlushAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await Task.Delay(TimeSpan.FromMilliseconds(50), http.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private uint Hash(string task)
    {
        uint hash = 2166136261 ^ (uint)seed;
        foreach (char c in task)
        {
            hash = (hash ^ c) * 16777619;
        }

        return hash >> 8;
    }
}
