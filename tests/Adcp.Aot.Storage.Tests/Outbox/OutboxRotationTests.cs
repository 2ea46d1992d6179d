namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>Turns of tenants and of their endpoints, and the cost of those that may not begin an attempt.</summary>
public sealed class OutboxRotationTests
{
    private readonly Dictionary<long, OutboxTenant> _tenants = [];
    private readonly HashSet<long> _busyTenants = [];
    private readonly HashSet<long> _busyEndpoints = [];
    private readonly OutboxRotation _rotation;
    private int _askedOfTenants;
    private int _askedOfEndpoints;

    public OutboxRotationTests() => _rotation = new OutboxRotation(
        static endpoint => endpoint.Suspects,
        tenant =>
        {
            _askedOfTenants++;
            return !_busyTenants.Contains(tenant.Key);
        },
        endpoint =>
        {
            _askedOfEndpoints++;
            return !_busyEndpoints.Contains(endpoint.Key);
        });

    [Fact]
    public void Tenants_take_turns_and_within_each_its_endpoints()
    {
        Add(tenant: 1, endpoint: 10, rows: 2);
        Add(tenant: 1, endpoint: 11, rows: 3);
        Add(tenant: 2, endpoint: 20, rows: 2);

        Assert.Equal([10, 20, 11, 20, 10, 11, 11], TakeAll());
    }

    [Fact]
    public void Tenant_that_may_not_begin_costs_one_step_however_many_endpoints_it_has()
    {
        for (int i = 0; i < 1_000; i++)
        {
            Add(tenant: 1, endpoint: i, rows: 2);
        }

        Add(tenant: 2, endpoint: 2_000, rows: 1);
        _busyTenants.Add(1);
        (_askedOfTenants, _askedOfEndpoints) = (0, 0);

        Assert.Equal([2_000], TakeAll());
        (_askedOfTenants, _askedOfEndpoints) = (0, 0);
        Assert.Empty(TakeAll());

        Assert.Equal((1, 0), (_askedOfTenants, _askedOfEndpoints));
        _busyTenants.Clear();
        Assert.Equal(Enumerable.Range(0, 2_000).Select(static i => (long)(i % 1_000)), TakeAll());
    }

    [Fact]
    public void Endpoint_that_may_not_begin_is_asked_once_and_has_a_turn_when_it_is_added_again()
    {
        OutboxEndpoint busy = Add(tenant: 1, endpoint: 10, rows: 1);
        Add(tenant: 1, endpoint: 11, rows: 1);
        _busyEndpoints.Add(10);

        Assert.Equal([11], TakeAll());
        _askedOfEndpoints = 0;
        Assert.Empty(TakeAll());
        Assert.Equal(0, _askedOfEndpoints);
        _busyEndpoints.Clear();
        _rotation.Add(busy);
        Assert.Equal([10], TakeAll());
    }

    [Fact]
    public void Endpoint_is_listed_once()
    {
        OutboxEndpoint endpoint = Add(tenant: 1, endpoint: 10, rows: 2);
        Add(tenant: 1, endpoint: 11, rows: 2);
        _rotation.Add(endpoint);

        Assert.Equal([10, 11, 10, 11], TakeAll());
    }

    [Fact]
    public void Endpoint_whose_rows_were_taken_away_has_no_turn()
    {
        OutboxEndpoint endpoint = Add(tenant: 1, endpoint: 10, rows: 2);
        Add(tenant: 2, endpoint: 20, rows: 1);
        endpoint.Suspects.Clear();

        Assert.Equal([20], TakeAll());
    }

    private OutboxEndpoint Add(long tenant, long endpoint, int rows)
    {
        if (!_tenants.TryGetValue(tenant, out OutboxTenant? owner))
        {
            _tenants.Add(tenant, owner = new OutboxTenant(tenant));
        }

        OutboxEndpoint added = new(lane: 0, endpoint, owner);
        for (int i = 0; i < rows; i++)
        {
            added.Suspects.Enqueue(new OutboxRow { Lane = 0, Id = i, Endpoint = endpoint, Tenant = tenant, KeyId = "k", Sealed = [] });
        }

        _rotation.Add(added);
        return added;
    }

    private List<long> TakeAll()
    {
        List<long> taken = [];
        while (_rotation.TryTake(out OutboxEndpoint? endpoint, out OutboxRow? row))
        {
            taken.Add(row.Endpoint);
            _rotation.Add(endpoint);
        }

        return taken;
    }
}
