using Adcp.Aot.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Testing;

/// <summary>Gives a container a clock that a test moves.</summary>
public static class TestClockExtensions
{
    /// <summary>The longest lease of a worker, so that few renewals lie between two attempts.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Makes a clock the <see cref="TimeProvider"/> of the container, and lets an outbox on SQLite follow it: retries, horizons,
    /// <c>NotBefore</c>, circuits and rate limits come when the test moves the clock. <see cref="OutboxTestExtensions.DrainAsync"/> moves
    /// it to each attempt that is due. While the host stops or is disposed, the clock runs as fast as the machine's, so that a drain ends.
    /// </summary>
    /// <param name="builder">The instance. Call it after the application's own registrations.</param>
    /// <param name="clock">
    /// The clock. Start it at the present time if other parts of the container, such as an authentication scheme, compare it with tokens.
    /// </param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static AdcpWebhooksBuilder UseTestClock(this AdcpWebhooksBuilder builder, FakeTimeProvider clock)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(clock);
        builder.Services.Replace(ServiceDescriptor.Singleton<TimeProvider>(clock));
        builder.Services.AddSingleton<Trigger>(static _ => new Trigger());
        builder.Services.AddSingleton<IHostedService>(services => new RunningAtTheEnd(clock, services));
        return builder
            .ConfigureOutbox(static (_, options) => options with { FollowsTimeProvider = true })
            .ConfigureWorker(static (_, options) => options with { Lease = Lease });
    }

    /// <summary>
    /// Lets the clock run as fast as the machine's from the moment at which the host begins to stop until its services are disposed. If the
    /// host is disposed without a stop, as by a test that fails, the clock runs a hundred times as fast: nothing is waited for then.
    /// </summary>
    private sealed class RunningAtTheEnd(FakeTimeProvider clock, IServiceProvider services) : IHostedLifecycleService, IDisposable
    {
        private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(10);

        private readonly Lock _lock = new();
        private ITimer? _timer;
        private long _movedAt;
        private int _speed;
        private bool _hasEnded;

        public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartedAsync(CancellationToken cancellationToken)
        {
            // Services are disposed in the opposite order of their creation: the trigger before those that wait by the clock.
            services.GetRequiredService<Trigger>().Ends = () => Begin(speed: 100);
            return Task.CompletedTask;
        }

        public Task StoppingAsync(CancellationToken cancellationToken)
        {
            Begin(speed: 1);
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public void Dispose()
        {
            lock (_lock)
            {
                _hasEnded = true;
                _timer?.Dispose();
            }
        }

        private void Begin(int speed)
        {
            lock (_lock)
            {
                if (_timer is null && !_hasEnded)
                {
                    _speed = speed;
                    _movedAt = TimeProvider.System.GetTimestamp();
                    _timer = TimeProvider.System.CreateTimer(static clock => ((RunningAtTheEnd)clock!).Move(), this, Step, Step);
                }
            }
        }

        private void Move()
        {
            if (_lock.TryEnter())
            {
                try
                {
                    long now = TimeProvider.System.GetTimestamp();
                    clock.Advance(_speed * TimeProvider.System.GetElapsedTime(_movedAt, now));
                    _movedAt = now;
                }
                finally
                {
                    _lock.Exit();
                }
            }
        }
    }

    /// <summary>Notices that the container begins to dispose its services.</summary>
    private sealed class Trigger : IDisposable
    {
        internal Action? Ends { get; set; }

        public void Dispose() => Ends?.Invoke();
    }
}
